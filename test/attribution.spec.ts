import { beforeAll, describe, expect, it } from '@jest/globals';
import type { EpisodeResult } from './attribution/episode.js';
import { TRUTHS } from './attribution/episode.js';
import { isRight, playAll, rightShare } from './attribution/matrix.js';
import { MODELS, readPool } from './attribution/pool.js';
import { trainings } from './attribution/report.js';

/** Of each cause on each model; `npm run bench:attribution` plays 200. Seeds are fixed, so these are always the same. */
const EPISODES = 9;
const UNLABELLED = 3;

describe('attribution over simulated episodes on real models', () => {
  let late: EpisodeResult[];
  let unlabelled: EpisodeResult[];
  beforeAll(() => {
    late = MODELS.flatMap((model) => playAll(readPool(model), EPISODES));
    unlabelled = MODELS.flatMap((model) => playAll(readPool(model), UNLABELLED, 'none'));
  }, 240_000);

  it('is right in at least 95 of 100 when labels come late', () => {
    const wrong = late.filter((result) => !isRight(result));
    const told = wrong.map(({ script, verdict, row }) => `${script.truth}, ${script.variant}: ${verdict} (${row})`);
    expect({ share: rightShare(late) >= 0.95, wrong: told }).toMatchObject({ share: true });
  });

  it.each(TRUTHS)('is right about %s in at least 8 of 9', (truth) => {
    expect(rightShare(late, truth)).toBeGreaterThanOrEqual(8 / 9);
  });

  it('never trains for a champion that is only slow', () => {
    expect(trainings([...late, ...unlabelled], 'latency')).toBe(0);
    expect(late.filter(({ script, remedy }) => script.truth === 'latency' && remedy !== null).length).toBeGreaterThan(
      0,
    );
  });

  it('does nothing while all is calm', () => {
    const calm = [...late, ...unlabelled].filter(({ script }) => script.truth === 'calm');
    expect(calm.filter(({ remedy }) => remedy !== null)).toEqual([]);
  });

  it('without labels never takes a changed world for damage that a training heals', () => {
    const world = unlabelled.filter(({ script }) => script.truth === 'world-changed');
    expect(world.filter(({ remedy }) => remedy?.startsWith('incremental') === true)).toEqual([]);
  });
});
