import { blur, chain, contrast, noise, rotation } from '../corruptions.js';
import { remedyScenario } from './remedy.js';
import type { Scenario } from './scenario.js';

/** A worse camera, mounted askew: nothing that the reference was trained on. */
export const degraded = chain(rotation(30), blur(1), contrast(0.6), noise(0.15));

export const worldChanged: Scenario = {
  name: 'world-changed',
  title: 'The world changes',
  story: 'A worse camera, mounted askew: turned, blurred, noisy images. Reference and champion both get worse.',
  needs: ['first-compression'],
  run: (stage) =>
    remedyScenario(stage, {
      cause: 'world-changed',
      corruption: degraded,
      seconds: 300,
      judge: (measured) => [
        ...(measured.remedy === 'incremental-distillation'
          ? []
          : [`the remedy was ${measured.remedy}, not incremental training`]),
        ...(measured.referenceBefore < 0.9 && measured.championBefore < 0.9
          ? []
          : ['reference and champion did not both get worse']),
        ...(measured.referenceAfter > measured.referenceBefore
          ? []
          : ['the incrementally trained reference is no better than the old one']),
        ...(measured.referenceAfter - measured.championAfter <= 0.02
          ? []
          : [
              `the new champion is ${((measured.referenceAfter - measured.championAfter) * 100).toFixed(2)} points below the new reference`,
            ]),
        ...(measured.championAfter > measured.championBefore ? [] : ['the new champion is no better than the old one']),
      ],
    }),
};
