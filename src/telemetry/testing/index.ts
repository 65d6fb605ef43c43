import { type Digest, NotFound } from '../../kernel/index.js';
import { type Model, ModelStore, type TelemetrySettings } from '../../models/index.js';
import type { Answer } from '../../serving/index.js';
import { type AdmittedEvent, admit, type ModelView, viewOf } from '../domain/admit.js';
import type { InferenceEvent } from '../domain/event.js';
import type { IntakeObserver } from '../telemetry-intake.js';
export { FakeBatchLedger } from './fake-batch-ledger.js';

/** A digest of one repeated hex digit. */
export function digestOf(digit: string): Digest {
  return `sha256:${digit.repeat(64)}`;
}

export const T0 = new Date('2026-01-01T00:00:00.000Z');

/** A classifier of 3 classes with inputs of 4 numbers and two summary features. */
export function aModel(name = 'toy', telemetry: Partial<TelemetrySettings> = {}): Model {
  return {
    id: name,
    model: name,
    revision: 1,
    createdAt: T0,
    updatedAt: T0,
    status: { phase: 'Registered', generation: 1 },
    spec: {
      task: { kind: 'classification', classes: 3 },
      input: { name: 'x', datatype: 'FP32', shape: [-1, 1, 2, 2] },
      output: { name: 'y', datatype: 'FP32', shape: [-1, 3] },
      reference: { digest: digestOf('0') },
      objectives: {
        qualityBudget: { metric: 'accuracy', maxLoss: 0.01 },
        minAgreement: 0.97,
        maxSizeRatio: 0.34,
        minSpeedup: 1.5,
        latencyP95Ms: 50,
        maxErrorRatio: 0.01,
        maxCostPerThousand: null,
      },
      telemetry: {
        windowSeconds: 10,
        maxLatenessSeconds: 5,
        features: ['mean', 'std'],
        columns: [],
        projection: null,
        sampling: true,
        redact: [],
        sampleBytes: 64 * 1024 ** 2,
        answersPerSecond: 2_000,
        sampleRows: 100,
        sampleSeconds: 600,
        labelWaitSeconds: 60,
        ...telemetry,
      },
      monitors: {
        falseAlarmEvery: 50_000,
        accuracyTolerance: 0.01,
        agreementTolerance: 0.01,
        minimumSamples: 100,
        rescoreBatch: 64,
        contract: null,
        errorTolerance: 0.1,
        minimumCoverage: 0.95,
        burnRates: [],
        cost: null,
      },
      triggers: {
        coolDownSeconds: 1,
        minimumSamples: 10,
        minimumLabelled: 10,
        runnerSecondsPerDay: 60,
        gpuSecondsPerDay: 3_600,
        quietHours: [],
        learnFromOutcomes: true,
        ladders: {},
        dryRun: false,
      },
      jobs: { wallSeconds: 60, maxRssBytes: 1e9, threads: 1, maxAttempts: 2 },
      experiment: { margin: 0.01, alpha: 0.05, mirrorFraction: 0.5, maxSamples: 5000, maxSeconds: 120 },
      rollout: { steps: [], blindSeconds: 30, undecidedSeconds: 30, confirmSeconds: 30 },
      promotion: { approval: 'auto' },
    },
  };
}

/** A model store that knows these models. */
export class FakeModelStore extends ModelStore {
  constructor(readonly models: Model[] = [aModel()]) {
    super();
  }
  async find(name: string): Promise<Model | null> {
    return this.models.find(({ id }) => id === name) ?? null;
  }
  async require(name: string): Promise<Model> {
    const model = await this.find(name);
    if (model === null) throw new NotFound('model', name);
    return model;
  }
  async list(): Promise<Model[]> {
    return this.models;
  }
  async save(model: Model): Promise<Model> {
    this.models.push(model);
    return model;
  }
}

export const VIEW: ModelView = viewOf(aModel());

/** An answered event with everything in it; `n` makes it unique and moves its time on by a second. */
export function anEvent(n: number, fields: Partial<InferenceEvent> = {}): InferenceEvent {
  return {
    kind: 'inference',
    requestId: `r${n}`,
    model: 'toy',
    version: digestOf('a'),
    arm: 'stable',
    at: new Date(T0.getTime() + n * 1000),
    latencyMs: 1 + (n % 10),
    error: null,
    features: { mean: n / 100, std: 1 },
    prediction: n % 3,
    confidence: 0.95,
    output: null,
    shadow: null,
    input: Float32Array.of(n, 1, 2, 3),
    ...fields,
  };
}

/** The same event as the engine sees it. @throws when the model refuses it */
export function admitted(event: InferenceEvent, now: Date = event.at, view: ModelView = VIEW): AdmittedEvent {
  const result = admit(event, view, now);
  if ('bad' in result) throw new TypeError(result.bad.detail);
  return result.ok;
}

/** Remembers what it heard. */
export class RecordingIntakeObserver implements IntakeObserver {
  readonly heard: string[] = [];
  defect(): void {
    this.heard.push('defect');
  }
  failed(): void {
    this.heard.push('failed');
  }
  replaced(): void {
    this.heard.push('replaced');
  }
}

/** An answer of the gateway, unique by `n`. */
export function anAnswer(n: number, fields: Partial<Answer> = {}): Answer {
  return {
    requestId: `r${n}`,
    model: 'toy',
    version: digestOf('a'),
    arm: 'stable',
    at: new Date(T0.getTime() + n),
    latencyMs: 1,
    error: null,
    input: Float32Array.of(n, 1, 2, 3),
    features: { mean: n, std: 1 },
    prediction: n % 3,
    confidence: 0.9,
    shadow: null,
    ...fields,
  };
}
