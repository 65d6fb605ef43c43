import type { ModelStore } from '../models/index.js';
import { encodeLabel } from './domain/encode-event.js';
import type { LogEventSink } from './log-event-sink.js';
import { type Label, LabelIntake } from './ports.js';

const utf8 = new TextEncoder();

/** Labels that came in over HTTP, sent on to the log: durable when they are there. */
export class LogLabels extends LabelIntake {
  constructor(
    private readonly sink: Pick<LogEventSink, 'send'>,
    private readonly models: Pick<ModelStore, 'require'>,
  ) {
    super();
  }

  /** @throws NotFound when there is no such model @throws IntakeOverloaded @throws IntakeUnavailable */
  override async accept(model: string, labels: readonly Label[]): Promise<void> {
    await this.models.require(model);
    await this.sink.send(
      labels.map(({ requestId, label }) => ({
        key: requestId,
        value: utf8.encode(encodeLabel(model, requestId, label)),
        format: 'native',
        headers: {},
        kind: 'label',
      })),
    );
  }
}
