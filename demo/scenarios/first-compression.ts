import { clean } from '../corruptions.js';
import { watch } from '../loop.js';
import { remedyScenario } from './remedy.js';
import type { Scenario } from './scenario.js';

const points = (share: number): string => `${(share * 100).toFixed(2)} points`;

export const firstCompression: Scenario = {
  name: 'first-compression',
  title: 'First compression',
  story: 'The full-precision reference serves; nothing is compressed yet. Ratchet should find that by itself and act.',
  needs: [],
  async run(stage) {
    const result = await remedyScenario(stage, {
      cause: 'no-compressed-champion',
      corruption: clean,
      seconds: 240,
      judge: (measured) => [
        ...(measured.sizeRatio <= 1 / 3
          ? []
          : [
              `the champion has ${measured.sizeRatio.toFixed(3)} of the reference's size, at most a third was promised`,
            ]),
        ...(measured.speedup >= 1.5
          ? []
          : [`the champion is ${measured.speedup.toFixed(2)} times as fast, 1.5 was promised`]),
        ...(measured.referenceAfter - measured.championAfter <= 0.01
          ? []
          : [
              `the champion loses ${points(measured.referenceAfter - measured.championAfter)}, at most one was promised`,
            ]),
      ],
    });
    const state = await watch(
      stage,
      'the state',
      30,
      () => null,
      (found) => found,
    );
    const candidate = state.candidates.find((item) => item.spec['digest'] === state.champion?.champion);
    const job = state.jobs.find((item) => item.id === candidate?.spec['job']);
    const holdout = (job?.status['snapshot'] as { holdout?: { digest?: string } } | undefined)?.holdout?.digest;
    stage.memory.set('first champion', state.champion?.champion ?? '');
    stage.memory.set('old holdout', holdout ?? '');
    return result;
  },
};
