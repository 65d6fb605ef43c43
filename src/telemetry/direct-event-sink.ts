import type { Clock } from '../kernel/index.js';
import { decodeEvent } from './domain/decode-event.js';
import type { Decoded, TelemetryEvent } from './domain/event.js';
import type { IntakeEntry } from './intake-entry.js';
import { EventSink, type ForeignDecoder, type LogRecord, type OutgoingEvent } from './ports.js';
import type { TelemetryIntake } from './telemetry-intake.js';

/** Name under which events without a log are read; Seldon's topics are a log, so it never names one of them. */
const TOPIC = 'http';

/** Without a log in between, events go straight to the engine of this process; they are read as they would be there. */
export class DirectEventSink extends EventSink {
  constructor(
    private readonly intake: TelemetryIntake,
    private readonly decoder: ForeignDecoder,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async send(events: readonly OutgoingEvent[]): Promise<void> {
    const timestamp = this.clock.now().getTime();
    await this.intake.submit(events.map((event) => this.entryOf(event, timestamp)));
  }

  private entryOf({ key, value, format, headers }: OutgoingEvent, timestamp: number): IntakeEntry {
    // Its offset is its place in the batch, which is known only when the batch is made.
    const record: LogRecord = { offset: 0, key: new TextEncoder().encode(key), value, headers, timestamp };
    return {
      decoded: this.decode(record, format),
      body: () => value,
      bytes: value.length + 500,
      origin: { format, record },
    };
  }

  private decode(record: LogRecord, format: OutgoingEvent['format']): Decoded<TelemetryEvent> {
    return format === 'native'
      ? decodeEvent(record.value ?? new Uint8Array())
      : this.decoder.decode(record, format, TOPIC);
  }
}
