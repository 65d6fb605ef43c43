import { type Answer, AnswerSink, type ServedCount, ServedSink } from '../serving/index.js';
import { encodeAnswer, encodeServed } from './domain/encode-event.js';
import type { LogEventSink } from './log-event-sink.js';
import { shedTotal } from './metrics.js';

const utf8 = new TextEncoder();

/** The gateway's answers as native events on the log. Serving never waits: what finds no room is shed and counted. */
export class LogAnswers extends AnswerSink {
  constructor(
    private readonly sink: Pick<LogEventSink, 'offer'>,
    private readonly onDefect: (error: unknown) => void,
  ) {
    super();
  }

  override accept(answer: Answer): void {
    try {
      const value = utf8.encode(encodeAnswer(answer));
      if (!this.sink.offer({ key: answer.requestId, value, format: 'native', headers: {} })) {
        shedTotal.inc({ cause: 'full' });
      }
    } catch (error) {
      shedTotal.inc({ cause: 'defect' });
      this.onDefect(error);
    }
  }
}

/** What the gateway says it served, on the log as well, so that it is counted by whoever counts the answers. */
export class LogServed extends ServedSink {
  constructor(
    private readonly sink: Pick<LogEventSink, 'send'>,
    /** Tells this process from others, and from an earlier run of itself: its counts begin at zero. */
    private readonly source: string,
  ) {
    super();
  }

  /** @throws IntakeOverloaded @throws IntakeUnavailable */
  override async report(counts: readonly ServedCount[]): Promise<void> {
    await this.sink.send(
      counts.map((count) => ({
        key: `${this.source} ${count.model}`,
        value: utf8.encode(encodeServed(count, this.source)),
        format: 'native',
        headers: {},
      })),
    );
  }
}
