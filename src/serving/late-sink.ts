import type { Answer } from './domain/answer.js';
import { AnswerSink } from './ports.js';

/** Stands for the answer sink, which belongs to a stage downstream and is known only when the whole application is made. */
export class LateSink extends AnswerSink {
  private target: AnswerSink | null = null;

  connect(target: AnswerSink): void {
    this.target = target;
  }

  /** Nothing is answered before the application is complete, so nothing can be lost here. */
  accept(answer: Answer): void {
    if (this.target === null) throw new TypeError('An answer came before the application was complete.');
    this.target.accept(answer);
  }
}
