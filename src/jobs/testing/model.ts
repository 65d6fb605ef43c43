import type { Model } from '../../models/index.js';
import { digestOf, T0 } from './jobs.js';

/** A model document with everything that jobs and candidates read of it. */
export function digitsModel(): Model {
  return {
    id: 'digits',
    model: 'digits',
    spec: {
      task: { kind: 'classification', classes: 10 },
      input: { name: 'input', datatype: 'FP32', shape: [-1, 1, 28, 28] },
      output: { name: 'logits', datatype: 'FP32', shape: [-1, 10] },
      reference: { digest: digestOf('a') },
      objectives: {
        qualityBudget: { metric: 'accuracy', maxLoss: 0.01 },
        minAgreement: 0.97,
        maxSizeRatio: 0.4,
        minSpeedup: 1.5,
        latencyP95Ms: 50,
        maxErrorRatio: 0.01,
      },
      telemetry: {
        windowSeconds: 5,
        maxLatenessSeconds: 60,
        features: ['mean'],
        sampleRows: 2000,
        sampleSeconds: 3600,
        labelWaitSeconds: 600,
      },
      monitors: {
        falseAlarmEvery: 100_000,
        accuracyTolerance: 0.02,
        agreementTolerance: 0.02,
        minimumSamples: 100,
        rescoreBatch: 64,
      },
      triggers: {
        coolDownSeconds: 10,
        minimumSamples: 200,
        minimumLabelled: 100,
        runnerSecondsPerDay: 3600,
        dryRun: false,
      },
      jobs: { wallSeconds: 100, maxRssBytes: 1e9, threads: 1, maxAttempts: 3 },
      experiment: { margin: 0.01, alpha: 0.05, mirrorFraction: 0.5, maxSamples: 5000, maxSeconds: 600 },
      rollout: { steps: [], blindSeconds: 60, undecidedSeconds: 60, confirmSeconds: 30 },
      promotion: { approval: 'auto' },
    },
    status: { phase: 'Registered', generation: 1 },
    revision: 1,
    createdAt: T0,
    updatedAt: T0,
  };
}
