import { assertNever } from '../../kernel/index.js';
import type { Task } from '../../models/index.js';
import type { Output } from '../../telemetry/index.js';
import { type EncodedText, textDistance } from './bert-score.js';
import { seriesDistance } from './dtw.js';
import type { MeanSubject } from './mean-finding.js';
import type { MeanObservation } from './mean-monitor.js';

/** How far a version's answers are from its reference's, by task; null where right or wrong says it all. */
export function distanceSubject(task: Task): (MeanSubject & { readonly bound: number | null }) | null {
  switch (task.kind) {
    case 'classification':
      return null;
    case 'regression':
      return {
        what: 'the distance to the reference',
        many: 'answers that the reference scored again',
        query: 're-scored samples: |answer − reference’s answer|',
        bound: null,
      };
    case 'series':
      return {
        what: 'the distance to the reference',
        many: 'series that the reference answered as well',
        query: 'answers with the reference as their shadow: dynamic time warping, cost a step',
        bound: null,
      };
    case 'text':
      return {
        what: 'the distance to the reference',
        many: 'texts that the reference answered as well',
        query: 'answers with the reference as their shadow: 1 − BERTScore F1',
        bound: 1,
      };
    default:
      return assertNever(task);
  }
}

/** Distance of two numbers. */
export function numberDistance(answer: number, reference: number, at: Date): MeanObservation {
  return { value: Math.abs(answer - reference), magnitude: reference, at: at.getTime() };
}

/** Distance of two series; one that is no series at all is as far away as can be. */
export function seriesObservation(answer: Output, reference: Output, at: Date): MeanObservation {
  if (typeof answer === 'string' || typeof reference === 'string')
    return { value: Infinity, magnitude: 0, at: at.getTime() };
  const size = reference.reduce((sum, value) => sum + Math.abs(value), 0) / Math.max(1, reference.length);
  return { value: seriesDistance(answer, reference), magnitude: size, at: at.getTime() };
}

/** Distance of two texts. */
export function textObservation(answer: EncodedText, reference: EncodedText, at: Date): MeanObservation {
  return { value: textDistance(answer, reference), magnitude: 1, at: at.getTime() };
}
