/** No window that was rolled up is longer: an hour's worth of base windows and less than one more of them. */
const LONGEST_ROLLED_SECONDS = 7_200;

/**
 * Start and size of the smallest stored window of `model = $1` that contains the base window (`version`, `start`,
 * `seconds`): itself, or what it was rolled up into. A lateral sub-select for facts about a window that may be gone.
 */
export function containingWindow(base: {
  readonly version: string;
  readonly start: string;
  readonly seconds: string;
}): string {
  return `SELECT * FROM ((
    SELECT w.start, w.seconds FROM telemetry."window" AS w
    WHERE w.model = $1 AND w.version = ${base.version} AND w.start = ${base.start} AND w.seconds = ${base.seconds}
  ) UNION ALL (
    SELECT w.start, w.seconds FROM telemetry."window" AS w
    WHERE w.model = $1 AND w.version = ${base.version} AND w.start <= ${base.start}
      AND w.start > ${base.start} - make_interval(secs => greatest(${LONGEST_ROLLED_SECONDS}, ${base.seconds}))
      AND w.start + make_interval(secs => w.seconds) >= ${base.start} + make_interval(secs => ${base.seconds})
    ORDER BY w.seconds LIMIT 1)) AS containing LIMIT 1`;
}
