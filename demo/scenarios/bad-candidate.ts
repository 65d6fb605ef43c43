import { Milestones, ScenarioProblem, type Stage, watch } from '../loop.js';
import { chainOf, dig, digNumber, type LoopState } from '../state.js';
import type { Scenario } from './scenario.js';

const STORY =
  'Somebody submits the very first compressed model again, with the data on which it once looked fine. The traffic is another one now.';

export const badCandidate: Scenario = {
  name: 'bad-candidate',
  title: 'A bad candidate',
  story: STORY,
  needs: ['first-compression', 'compression-damage'],
  async run(stage) {
    const began = performance.now();
    const times = new Milestones();
    const serving = await watch(
      stage,
      'a champion',
      30,
      () => null,
      (state) => state.champion?.champion,
    );
    const liveBefore = stage.traffic.recentAccuracy;
    stage.traffic.resetCounts();
    const id = await submit(stage);
    stage.chaos.arm(6);
    times.mark('submitted');
    const ended = await watch(
      stage,
      'an end of the bad candidate',
      240,
      () => id,
      (state) => {
        times.note(chainOf(state, id));
        return chainOf(state, id).record !== undefined && stage.chaos.satisfied
          ? { state, chain: chainOf(state, id) }
          : null;
      },
    );
    const counted = stage.traffic.counted;
    const problems = judge(ended.state, serving, ended.chain.record, counted.failed);
    const evaluation = dig(ended.chain.candidate?.status, 'evaluation');
    return {
      ok: problems.length === 0,
      problems,
      cause: 'submitted by hand',
      remedy: null,
      requestsToDetection: counted.requests,
      triggers: 0,
      sizeRatio: digNumber(evaluation, 'size', 'ratio'),
      speedup: digNumber(evaluation, 'latency', 'speedup'),
      accuracy: { championBefore: null, championAfter: null, referenceAfter: null },
      live: { before: liveBefore, during: stage.traffic.recentAccuracy, after: stage.traffic.recentAccuracy },
      traffic: { requests: counted.requests, failed: counted.failed, unreachable: counted.unreachable },
      seconds: {
        detection: null,
        job: null,
        evaluation: times.between('submitted', 'evaluation'),
        experiment: times.between('evaluation', 'experiment'),
        rollout: times.between('experiment', 'rollout'),
        total: (performance.now() - began) / 1000,
      },
      outcome: ended.chain.record?.reason ?? '',
      records: [`/api/v1/records/${id}`],
      killedAt: stage.chaos.killedAt,
    };
  },
};

async function submit(stage: Stage): Promise<string> {
  const digest = stage.memory.get('first champion');
  const holdout = stage.memory.get('old holdout');
  if (!digest || !holdout) throw new ScenarioProblem('the first compression left nothing to submit again');
  const path = `/api/v1/models/${stage.model}/candidates`;
  return (await stage.api.send<{ id: string }>('POST', path, { digest, holdout })).id;
}

function judge(
  state: LoopState,
  serving: string,
  record: LoopState['records'][number] | undefined,
  failed: number,
): string[] {
  if (record === undefined) return ['there is no record of the bad candidate'];
  const problems: string[] = [];
  const { outcome, decidedBy, reason } = record;
  if (outcome !== 'refused') problems.push(`the bad candidate's record says ${outcome}`);
  if (!['experiments', 'rollouts'].includes(decidedBy))
    problems.push(`it was stopped by ${decidedBy}, not by the experiment or a gate (${reason})`);
  if (reason.length <= 10) problems.push('the record does not say why');
  if (state.champion?.champion !== serving) problems.push('another champion serves now');
  if (failed > 0) problems.push(`${failed} requests were answered with an error`);
  return problems;
}
