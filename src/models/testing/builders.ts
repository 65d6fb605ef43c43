import type { Digest } from '../../kernel/index.js';
import type { ModelSpec } from '../domain/model.js';
import type { Version } from '../domain/version.js';

/** `digestOf('a')` = a well-formed digest of 64 equal digits. */
export function someDigest(digit: string): Digest {
  return `sha256:${digit.repeat(64)}`;
}

/** A whole spec for `buildOnnx()`'s contract; `changes` replace top-level parts. */
export function someSpec(changes: Partial<ModelSpec> = {}): ModelSpec {
  return {
    task: { kind: 'classification', classes: 4 },
    input: { name: 'x', datatype: 'FP32', shape: [-1, 4] },
    output: { name: 'y', datatype: 'FP32', shape: [-1, 4] },
    reference: { digest: someDigest('f'), evaluation: { accuracy: 0.98, samples: 1_000 } },
    objectives: {
      qualityBudget: { metric: 'accuracy', maxLoss: 0.01 },
      minAgreement: 0.95,
      maxSizeRatio: 0.5,
      minSpeedup: 1,
      latencyP95Ms: 250,
      maxErrorRatio: 0.01,
      maxCostPerThousand: null,
    },
    telemetry: {
      windowSeconds: 60,
      maxLatenessSeconds: 60,
      features: ['mean', 'std'],
      columns: [],
      projection: null,
      sampling: true,
      redact: [],
      sampleRows: 1_000,
      sampleBytes: 64 * 1024 ** 2,
      sampleSeconds: 3_600,
      labelWaitSeconds: 3_600,
      answersPerSecond: 2_000,
    },
    monitors: {
      falseAlarmEvery: 100_000,
      contract: null,
      errorTolerance: 0.1,
      minimumCoverage: 0.95,
      burnRates: [],
      cost: null,
      accuracyTolerance: 0.01,
      agreementTolerance: 0.01,
      minimumSamples: 200,
      rescoreBatch: 256,
    },
    triggers: {
      coolDownSeconds: 600,
      minimumSamples: 500,
      minimumLabelled: 500,
      runnerSecondsPerDay: 3_600,
      gpuSecondsPerDay: 3_600,
      quietHours: [],
      learnFromOutcomes: true,
      ladders: {},
      dryRun: false,
    },
    jobs: { wallSeconds: 600, maxRssBytes: 2 * 1024 ** 3, threads: 1, maxAttempts: 2 },
    experiment: { margin: 0.01, alpha: 0.05, mirrorFraction: 0.5, maxSamples: 10_000, maxSeconds: 3_600 },
    rollout: {
      steps: [
        { weight: 10, holdSeconds: 10, gates: [{ kind: 'error-ratio', max: 0.01, minimumSamples: 20 }] },
        { weight: 50, holdSeconds: 10, gates: [{ kind: 'error-ratio', max: 0.01, minimumSamples: 20 }] },
      ],
      blindSeconds: 300,
      undecidedSeconds: 600,
      confirmSeconds: 60,
    },
    promotion: { approval: 'auto' },
    ...changes,
  };
}

/** A compressed version of the reference `someDigest('f')`. */
export function someVersion(changes: Partial<Version> = {}): Version {
  return {
    digest: someDigest('a'),
    model: 'digits',
    kind: 'compressed',
    parent: someDigest('f'),
    reference: someDigest('f'),
    recipe: 'quantize-static',
    snapshot: null,
    job: null,
    sizeBytes: 1_000,
    createdAt: new Date('2026-01-01T00:00:00Z'),
    ...changes,
  };
}
