import type { IntakeEntry } from './intake-entry.js';
import type { LogEventSink } from './log-event-sink.js';
import type { OutgoingEvent } from './ports.js';

/** Where native events go that came in over HTTP. */
export abstract class NativeIntake {
  /** Resolves when all entries are durable, with how many are refused. @throws IntakeOverloaded @throws IntakeUnavailable */
  abstract submit(entries: readonly IntakeEntry[]): Promise<number>;
}

/**
 * Sends native events on to the log, refused ones too: whoever reads them there keeps them as dead letters. What only the
 * model's contract tells is refused there and not counted here.
 */
export class LogNativeIntake extends NativeIntake {
  constructor(private readonly sink: Pick<LogEventSink, 'send'>) {
    super();
  }

  override async submit(entries: readonly IntakeEntry[]): Promise<number> {
    await this.sink.send(entries.map(outgoing));
    return entries.filter(({ decoded }) => 'bad' in decoded).length;
  }
}

function outgoing({ decoded, body }: IntakeEntry): OutgoingEvent {
  const event = 'ok' in decoded ? decoded.ok : null;
  const key = event !== null && 'requestId' in event ? event.requestId : '';
  return { key, value: body(), format: 'native', headers: {}, kind: event?.kind === 'label' ? 'label' : 'event' };
}
