import type { Digest } from '../../kernel/index.js';

/**
 * The series that gates ask Prometheus for, so that who exports them and who asks cannot differ in a name. Both carry the
 * labels `model`, `arm` and `version` (`versionLabel`).
 */
export const ANSWERS_SERIES = 'ratchet_serving_answers_total';
/** A histogram of answered requests; its buckets are `LATENCY_BOUNDS`. */
export const LATENCY_SERIES = 'ratchet_serving_request_seconds';
/** What `outcome` of `ANSWERS_SERIES` is for an answer that is no error. */
export const OK_OUTCOME = 'ok';

/**
 * Upper bounds of the latency buckets, in seconds: 1, 1.5, 2, 2.5, 3, 4, 5, 6 and 7.5 of each power of ten from half a
 * millisecond to ten seconds. A ceiling that is one of them is decided exactly by counts; another one by its neighbours.
 */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0005,
  0.00075,
  ...[0.001, 0.01, 0.1, 1].flatMap((power) =>
    [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5].map((factor) => Number((power * factor).toPrecision(2))),
  ),
  10,
];

/** The label `version` of a metric: the first twelve hexadecimal digits of the artifact's sha256. */
export function versionLabel(digest: Digest): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}
