import { hostname } from 'node:os';
import type { Ids } from '../kernel/index.js';
import { type ServedCount, ServedSink } from '../serving/index.js';
import { SERVED_SCHEMA } from './domain/event.js';
import { eventEntry, jsonBytes } from './intake-entry.js';
import type { TelemetryIntake } from './telemetry-intake.js';

/** What one count weighs in the buffer. */
const COUNT_BYTES = 300;

/**
 * Hands what the gateway of this process says it served to the engine. A process that starts anew counts from zero, so
 * each has a name of its own.
 */
export class ServedReporter extends ServedSink {
  private readonly source: string;

  constructor(
    private readonly intake: Pick<TelemetryIntake, 'submit'>,
    ids: Ids,
  ) {
    super();
    this.source = `${hostname()}/${ids.next()}`;
  }

  /** @throws IntakeOverloaded @throws IntakeUnavailable */
  override async report(counts: readonly ServedCount[]): Promise<void> {
    await this.intake.submit(
      counts.map(({ model, version, at, seconds, requests }) => {
        const event = { kind: 'served', ...{ model, version, at, seconds, requests }, source: this.source } as const;
        return eventEntry({ ok: event }, () => jsonBytes({ schema: SERVED_SCHEMA, ...event }), COUNT_BYTES);
      }),
    );
  }
}
