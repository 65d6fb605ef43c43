import { type Clock, type Digest, type Ids } from '../kernel/index.js';
import type { Answer } from './domain/answer.js';
import { answerError, type AnswerError, EngineClosed, VersionNotServed } from './domain/errors.js';
import { featuresOf } from './domain/features.js';
import { OK_OUTCOME, versionLabel } from './domain/gate-series.js';
import {
  type InferenceRows,
  type OutputTensor,
  readRequestId,
  readRows,
  readSampling,
} from './domain/open-inference.js';
import { armFor, type GatewayArm } from './domain/pinned-arm.js';
import { type Prediction, readPredictions } from './domain/prediction.js';
import { forTelemetry } from './domain/redact-row.js';
import type { Arm } from './domain/route.js';
import { versionOf } from './domain/split.js';
import type { ExposureRecorder } from './exposure-recorder.js';
import { answersTotal, requestSeconds } from './metrics.js';
import type { Mirror } from './mirror.js';
import type { AnswerSink, Runnable, InferenceEngine } from './ports.js';
import type { RouteTable, ServedModel } from './route-table.js';
import type { ServedCounter } from './served-counter.js';

/** A response of the Open Inference Protocol, version 2. */
export interface InferenceReply {
  readonly model_name: string;
  readonly model_version: Digest;
  readonly id: string;
  readonly parameters: { readonly arm: Arm };
  readonly outputs: readonly OutputTensor[];
}

export interface Answered {
  readonly reply: InferenceReply;
  /** To be called once the reply was sent: gives the answers to telemetry and their copies to the mirror. */
  readonly settle: () => void;
}

export interface GatewayParts {
  readonly table: RouteTable;
  readonly engine: InferenceEngine;
  readonly mirror: Mirror;
  readonly sink: AnswerSink;
  readonly counter: ServedCounter;
  /** Absent: no exposures are recorded. */
  readonly exposures?: ExposureRecorder;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly maxRows: number;
  readonly pin: { readonly arm: GatewayArm; readonly lingerMs: number };
}

/** What is known of a request before a version answers it. */
interface Asked {
  readonly model: string;
  readonly served: ServedModel;
  readonly id: string;
  readonly arm: Arm;
  readonly version: Digest;
  readonly rows: InferenceRows;
  readonly keepInput: boolean;
  readonly at: Date;
  readonly began: number;
}

/** The data plane: splits, answers, and lets telemetry and the mirror know afterwards. */
export class Gateway {
  constructor(private readonly parts: GatewayParts) {}

  /**
   * @param key decides about the arm; without it the request's id does
   * @param keepInput false: the sender does not want its input to be kept (`parameters.sample` of the body says the same)
   * @throws BadInferenceRequest @throws ModelNotServed @throws ModelLoading @throws NoCandidateServed and whatever the engine throws
   */
  async infer(model: string, body: unknown, key: string | null, keepInput = true): Promise<Answered> {
    const began = performance.now();
    const { table, clock, ids, maxRows, pin } = this.parts;
    const served = table.require(model);
    const id = readRequestId(body) ?? ids.next();
    const rows = readRows(body, served.spec.input, served.spec.output, maxRows);
    const sample = keepInput && readSampling(body);
    const at = clock.now();
    const linger = { candidateGoneAt: served.candidateGoneAt ?? null, lingerMs: pin.lingerMs };
    const arm = armFor(pin.arm, served.route, key ?? id, at, linger);
    this.parts.exposures?.note(served.route, key ?? id, arm, at);
    const version = versionOf(served.route, arm);
    return this.answer({ model, served, id, arm, version, rows, keepInput: sample, at, began });
  }

  /** The served model, when the route names this version. @throws ModelNotServed @throws ModelLoading @throws VersionNotServed */
  describe(model: string, version: string | null): ServedModel {
    const served = this.parts.table.require(model);
    const named: (string | null)[] = [served.route.stable, served.route.candidate];
    if (version !== null && !named.includes(version)) throw new VersionNotServed(model, version);
    return served;
  }

  private async answer(asked: Asked): Promise<Answered> {
    const { spec } = asked.served;
    try {
      const output = await this.parts.engine.infer(runnable(asked), asked.rows.values, asked.rows.rows);
      const predictions = readPredictions(output.values, asked.rows.rows, spec.task);
      const reply: InferenceReply = {
        model_name: asked.model,
        model_version: asked.version,
        id: asked.id,
        parameters: { arm: asked.arm },
        outputs: [{ name: spec.output.name, datatype: 'FP32', shape: output.shape, data: Array.from(output.values) }],
      };
      const latencyMs = this.count(asked, 'ok');
      return {
        reply,
        settle: () => this.parts.mirror.accept(asked.served, answersOf(asked, latencyMs, null, predictions)),
      };
    } catch (error) {
      if (error instanceof EngineClosed) throw error; // the version had no part in it
      const reason = answerError(error);
      const latencyMs = this.count(asked, reason);
      for (const answer of answersOf(asked, latencyMs, reason, null)) {
        this.parts.sink.accept(forTelemetry(answer, spec.telemetry));
      }
      throw error;
    }
  }

  private count(asked: Asked, outcome: 'ok' | AnswerError): number {
    const latencyMs = performance.now() - asked.began;
    const { model, arm, version, at } = asked;
    this.parts.counter.count(model, version, at, asked.served.spec.telemetry.windowSeconds, asked.rows.rows);
    const labels = { model, arm, version: versionLabel(version) };
    answersTotal.inc({ ...labels, outcome }, asked.rows.rows);
    if (outcome === OK_OUTCOME) requestSeconds.observe(labels, latencyMs / 1000);
    return latencyMs;
  }
}

function runnable({ version, served }: Asked): Runnable {
  return { digest: version, input: served.spec.input, output: served.spec.output };
}

/** One answer a row; the rows of a batch are told apart by `#<row>` behind the request's id. */
function answersOf(
  asked: Asked,
  latencyMs: number,
  error: AnswerError | null,
  predictions: readonly Prediction[] | null,
): Answer[] {
  const { rows, values } = asked.rows;
  const { input, telemetry } = asked.served.spec;
  const size = values.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const raw = rows === 1 ? values : values.slice(row * size, (row + 1) * size);
    return {
      requestId: rows === 1 ? asked.id : `${asked.id}#${row}`,
      model: asked.model,
      version: asked.version,
      arm: asked.arm,
      at: asked.at,
      latencyMs,
      error,
      input: raw,
      keepInput: asked.keepInput,
      // A refused request must stay cheap: under overload nobody looks at its features.
      features: error === 'overloaded' ? {} : featuresOf(raw, input.shape, telemetry),
      prediction: predictions?.[row]?.prediction ?? null,
      confidence: predictions?.[row]?.confidence ?? null,
      shadow: null,
    };
  });
}
