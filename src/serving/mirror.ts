import type { Digest } from '../kernel/index.js';
import type { Answer, ShadowAnswer } from './domain/answer.js';
import { answerError, EngineClosed, EngineOverloaded } from './domain/errors.js';
import { readPredictions } from './domain/prediction.js';
import { forTelemetry } from './domain/redact-row.js';
import { mirrors } from './domain/split.js';
import { mirroredTotal } from './metrics.js';
import type { AnswerSink, InferenceEngine } from './ports.js';
import type { ServedModel } from './route-table.js';

/**
 * Lets the mirrored version score copies of answered rows and hands every answer, with or without a shadow, to the sink.
 * Bounded: when too many requests wait, the shadow is skipped and counted, the answer is not lost.
 */
export class Mirror {
  private waiting = 0;

  constructor(
    private readonly engine: InferenceEngine,
    private readonly sink: AnswerSink,
    private readonly limit: number,
  ) {}

  /** Returns at once. @param answers the rows of one request, in order */
  accept(served: ServedModel, answers: readonly Answer[]): void {
    const { mirror } = served.route;
    const copied: Answer[] = [];
    for (const answer of answers) {
      const wanted = mirror !== null && mirror !== answer.version && mirrors(served.route, answer.requestId);
      if (wanted && this.waiting < this.limit) copied.push(answer);
      else {
        if (wanted) mirroredTotal.inc({ model: answer.model, outcome: 'skipped' });
        this.sink.accept(forTelemetry(answer, served.spec.telemetry));
      }
    }
    if (mirror !== null && copied.length > 0) void this.copy(served, mirror, copied);
  }

  /** Never rejects. */
  private async copy(served: ServedModel, version: Digest, answers: readonly Answer[]): Promise<void> {
    this.waiting += 1;
    const shadows = await this.score(served, version, answers);
    this.waiting -= 1;
    answers.forEach((answer, row) => {
      this.sink.accept(forTelemetry({ ...answer, shadow: shadows[row] ?? null }, served.spec.telemetry));
    });
  }

  private async score(served: ServedModel, version: Digest, answers: readonly Answer[]): Promise<ShadowAnswer[]> {
    const { input, output, task } = served.spec;
    const model = answers[0]!.model;
    try {
      const scored = await this.engine.infer({ digest: version, input, output }, joined(answers), answers.length);
      const latencyMs = scored.runMs / answers.length;
      const predictions = readPredictions(scored.values, answers.length, task);
      mirroredTotal.inc({ model, outcome: 'ok' }, answers.length);
      return predictions.map((prediction) => ({ version, latencyMs, ...prediction, error: null }));
    } catch (error) {
      // Neither is the version's fault: the copy was simply not made.
      if (error instanceof EngineClosed || error instanceof EngineOverloaded) {
        mirroredTotal.inc({ model, outcome: 'skipped' }, answers.length);
        return [];
      }
      const reason = answerError(error);
      mirroredTotal.inc({ model, outcome: 'failed' }, answers.length);
      return answers.map(() => ({ version, latencyMs: 0, prediction: null, confidence: null, error: reason }));
    }
  }
}

function joined(answers: readonly Answer[]): Float32Array {
  const size = answers[0]!.input.length;
  const values = new Float32Array(answers.length * size);
  answers.forEach((answer, row) => values.set(answer.input, row * size));
  return values;
}
