import type { Corruption } from '../corruptions.js';
import { Milestones, ScenarioProblem, type Stage, watch } from '../loop.js';
import { accuracyOf } from '../measure.js';
import { type Chain, chainOf, dig, digNumber, type LoopState } from '../state.js';
import type { ScenarioSummary } from '../summary.js';
import { rowsOf } from '../traffic.js';

/** What a scenario in which Ratchet must find and heal something is to come to. */
export interface RemedyStory {
  readonly cause: string;
  /** The traffic from now on. */
  readonly corruption: Corruption;
  readonly seconds: number;
  /** Faults of what was measured, in words; empty when all is as described. */
  judge(measured: Measured): string[];
}

export interface Measured {
  readonly remedy: string;
  readonly sizeRatio: number;
  readonly speedup: number;
  readonly championBefore: number;
  readonly championAfter: number;
  readonly referenceBefore: number;
  readonly referenceAfter: number;
}

type Result = Omit<ScenarioSummary, 'name' | 'title' | 'prelude'>;

const SETTLE_REQUESTS = 400;
const UNSEEN_SEED = 77;

/** Changes the traffic, waits until the loop has promoted a remedy for the right cause, and measures. */
export async function remedyScenario(stage: Stage, story: RemedyStory): Promise<Result> {
  const began = performance.now();
  const times = new Milestones();
  const before = await watch(
    stage,
    'a champion',
    30,
    () => null,
    (state) => state.champion,
  );
  const earlier = await watch(
    stage,
    'the state',
    30,
    () => null,
    (state) => new Set(state.triggers.map(({ id }) => id)),
  );
  const liveBefore = stage.traffic.recentAccuracy;
  stage.traffic.corruption = story.corruption;
  stage.traffic.resetCounts();
  stage.chaos.arm();
  times.mark('change');

  let chainId: string | null = null;
  let during: number | null = null;
  let requests = Number.NaN;
  let tries = 0;
  const promoted = await watch(
    stage,
    'the promotion of a remedy',
    story.seconds,
    () => chainId,
    (state) => {
      const newest = state.triggers.find(({ id }) => !earlier.has(id));
      if (newest === undefined) return null;
      if (newest.id !== chainId) {
        chainId = newest.id;
        tries += 1;
        if (tries === 1) requests = stage.traffic.counted.requests;
        times.mark('trigger');
        if (newest.spec['cause'] !== story.cause)
          throw new ScenarioProblem(
            `the cause was attributed as ${String(newest.spec['cause'])}, not as ${story.cause}`,
          );
      }
      const chain = chainOf(state, newest.id);
      times.note(chain);
      during = stage.traffic.recentAccuracy ?? during;
      return promotedChain(chain, state) && stage.chaos.satisfied ? { chain, state } : null;
    },
  );
  times.mark('end');
  const { chain, state } = promoted;
  const counted = stage.traffic.counted;
  const liveAfter = await settled(stage);
  const after = state.champion;
  if (after === null) throw new ScenarioProblem('nothing serves after the promotion');
  const measured = await measure(stage, story.corruption, chain, before, after);
  const problems = story.judge(measured);
  if (counted.failed > 0) problems.push(`${counted.failed} requests were answered with an error`);
  return {
    ok: problems.length === 0,
    problems,
    cause: story.cause,
    remedy: measured.remedy,
    requestsToDetection: requests,
    triggers: tries,
    sizeRatio: measured.sizeRatio,
    speedup: measured.speedup,
    accuracy: {
      championBefore: measured.championBefore,
      championAfter: measured.championAfter,
      referenceAfter: measured.referenceAfter,
    },
    live: { before: liveBefore, during, after: liveAfter },
    traffic: { requests: counted.requests, failed: counted.failed, unreachable: counted.unreachable },
    seconds: {
      detection: times.between('change', 'trigger'),
      job: times.between('trigger', 'job'),
      evaluation: times.between('job', 'evaluation'),
      experiment: times.between('evaluation', 'experiment'),
      rollout: times.between('experiment', 'rollout'),
      total: (performance.now() - began) / 1000,
    },
    outcome: chain.record?.reason ?? 'promoted',
    records: [`/api/v1/records/${chain.record?.id ?? ''}`, `/api/v1/triggers/${chain.id}`],
    killedAt: stage.chaos.killedAt,
  };
}

function promotedChain(chain: Chain, state: LoopState): boolean {
  return (
    chain.promotion?.status.phase === 'Promoted' &&
    chain.record !== undefined &&
    state.champion?.promotion === chain.promotion.id &&
    chain.trigger?.status.phase === 'Resolved'
  );
}

/** What the clients see once the new champion has answered for a while. */
async function settled(stage: Stage): Promise<number | null> {
  stage.traffic.resetCounts();
  return watch(
    stage,
    'traffic after the promotion',
    60,
    () => null,
    () => (stage.traffic.counted.requests >= SETTLE_REQUESTS ? stage.traffic.recentAccuracy : null),
  );
}

async function measure(
  stage: Stage,
  corruption: Corruption,
  chain: Chain,
  before: { champion: string; reference: string },
  after: { champion: string; reference: string },
): Promise<Measured> {
  const rows = rowsOf(stage.images, stage.unseenFrom, stage.images.count, corruption, UNSEEN_SEED);
  const accuracy = (digest: string): Promise<number> => accuracyOf(stage.artifact(digest), rows);
  const evaluation = dig(chain.candidate?.status, 'evaluation');
  return {
    remedy: String(dig(chain.trigger?.spec, 'remedy', 'recipe')),
    sizeRatio: digNumber(evaluation, 'size', 'ratio'),
    speedup: digNumber(evaluation, 'latency', 'speedup'),
    championBefore: await accuracy(before.champion),
    championAfter: await accuracy(after.champion),
    referenceBefore: await accuracy(before.reference),
    referenceAfter: await accuracy(after.reference),
  };
}
