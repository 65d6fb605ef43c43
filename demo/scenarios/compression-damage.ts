import { contrast } from '../corruptions.js';
import { remedyScenario } from './remedy.js';
import type { Scenario } from './scenario.js';

/**
 * Fainter than anything the first champion was calibrated on; the reference was trained to see it. At .05 ten calibrations lost
 * .7 to 1.1 points on unseen images, too near to what the judge asks for; at .04 they lose 1.6 to 2.3.
 */
export const faint = contrast(0.04);

export const compressionDamage: Scenario = {
  name: 'compression-damage',
  title: 'Compression damage',
  story:
    'The camera delivers faint images. The reference still reads them; the integer ranges of the champion were calibrated on bright ones.',
  needs: ['first-compression'],
  run: (stage) =>
    remedyScenario(stage, {
      cause: 'compression-damage',
      corruption: faint,
      seconds: 240,
      judge: (measured) => [
        ...(measured.remedy === 'quantize-static' ? [] : [`the remedy was ${measured.remedy}, not re-quantization`]),
        ...(measured.referenceBefore >= 0.95 ? [] : ['the reference did not stay right on faint images']),
        ...(measured.referenceBefore - measured.championBefore >= 0.01
          ? []
          : ['the old champion was not damaged, so there was nothing to heal']),
        ...(measured.referenceAfter - measured.championAfter <= 0.015
          ? []
          : [
              `the new champion is ${((measured.referenceAfter - measured.championAfter) * 100).toFixed(2)} points below the reference`,
            ]),
        ...(measured.championAfter > measured.championBefore ? [] : ['the new champion is no better than the old one']),
      ],
    }),
};
