import { findPlaces, type Places } from './find-boundaries.js';
import { join } from 'node:path';

/** Commits at which the scenario `promotion` is killed, before and after; those of `people` that it does not have. */
export const KILLED_AT = {
  promotion: [
    'candidates.apply',
    'experiments.conclude',
    'experiments.enter',
    'experiments.experiment.update',
    'jobs.admit',
    'jobs.end',
    'jobs.job.update',
    'models.apply',
    'models.change_lock.insert',
    'models.register-file',
    'models.upload',
    'monitors.state',
    'platform.work_item.delete',
    'platform.work_item.insert',
    'platform.work_item.update',
    'promotions.promote',
    'reconcile.relay-one',
    'rollouts.route',
    'rollouts.save',
    'serving.gateway.delete',
    'rollouts.sight.insert',
    'serving.route.insert',
    'serving.route.update',
    'telemetry.accept-labels',
    'telemetry.expire-halves',
    'telemetry.intake_offset.insert',
    'telemetry.sweep',
    'triggers.hold',
    'triggers.open',
  ],
  people: ['http.answer-once', 'promotions.reject', 'rollouts.close'],
} as const;

/**
 * Units of work that only run inside another one in these scenarios, so their commit is the outer one's: what a fact leads to
 * runs in the transaction that delivers it, what a request leads to in the one that keeps its answer.
 */
export const INSIDE: readonly string[] = [
  'candidates.from-job',
  'candidates.submit',
  'experiments.open',
  'jobs.cancel',
  'jobs.open',
  'models.begin-period',
  'models.register-version',
  'monitors.save-findings',
  'promotions.from-rollout',
  'promotions.keep',
  'rollouts.ask',
  'rollouts.from-experiment',
  'triggers.open-by-hand',
  'triggers.resolve',
];

/**
 * Commits that these scenarios do not come past, with the spec that tries what they do.
 */
export const SHOWN_ELSEWHERE: Readonly<Record<string, string>> = {
  'experiments.count': 'src/experiments/adapters/postgres/stores.pg.spec.ts',
  'http.create-token': 'src/platform/http/tokens.controller.spec.ts',
  'http.revoke-stored-token': 'src/platform/http/token-store.pg.spec.ts',
  'http.revoke-token': 'src/platform/http/tokens.controller.spec.ts',
  'jobs.note-file': 'test/attempt-elsewhere.pg.spec.ts',
  'jobs.note-part': 'test/attempt-elsewhere.pg.spec.ts',
  'promotions.roll-back': 'test/rollout-verbs.pg.spec.ts',
  'rollouts.retry': 'test/rollout-verbs.pg.spec.ts',
  'telemetry.replay': 'test/fuzz/dead-letters.pg.spec.ts',
};

/** Everything at which the program of this source can be made to fail. */
export function placesOfTheProgram(): Places {
  return findPlaces(join(import.meta.dirname, '../../src'));
}

/** Both sides of every commit, and every other failpoint. */
export function everyFailpoint({ commits, writes, effects }: Places): string[] {
  const names = new Set([...commits, ...writes].map(({ name }) => name));
  const sides = [...names].flatMap((name) => [`${name}:before-commit`, `${name}:after-commit`]);
  return [...sides, ...new Set(effects.map(({ name }) => name))];
}
