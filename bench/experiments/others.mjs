import { logFewerErrors, logMoreErrors } from '../../dist/experiments/domain/error-ratio.js';
import { narrow, NO_INTERVAL } from '../../dist/experiments/domain/mean-interval.js';
import { logQuantileAbove, logQuantileBelow } from '../../dist/experiments/domain/quantile-test.js';
import { logMismatch } from '../../dist/experiments/domain/ratio-mismatch.js';
import { LatencySketch } from '../../dist/telemetry/index.js';
import { quantile, seeded } from './streams.mjs';

const PROOF = Math.log(20);

/** Figures of the tests beside the bets: rows of [what, situation, share proven, median samples where proven, bound]. */
export function others(streams) {
  const { errors, latency, mean, ratio } = {
    errors: errorRuns,
    latency: latencyRuns,
    mean: meanRuns,
    ratio: ratioRuns,
  };
  return [
    row(
      'fewer errors',
      'exactly at the bound (2 % against 1 % + 1 point)',
      errors(streams, logFewerErrors, 0.02, 0.01),
      0.05,
    ),
    row('fewer errors', 'equal, 0.5 % each', errors(streams, logFewerErrors, 0.005, 0.005)),
    row('more errors', 'equal', errors(streams, logMoreErrors, 0.01, 0.01), 0.05),
    row('more errors', '6 % against 1 %', errors(streams, logMoreErrors, 0.06, 0.01)),
    row('p95 below 1.2 times', 'exactly 1.2 times', latency(streams, logQuantileBelow, 1.2), 0.05),
    row('p95 below 1.2 times', 'equal', latency(streams, logQuantileBelow, 1)),
    row('p95 above 1.2 times', 'exactly 1.2 times', latency(streams, logQuantileAbove, 1.2), 0.05),
    row('p95 above 1.2 times', 'twice', latency(streams, logQuantileAbove, 2)),
    row('interval of a mean', 'misses it (differences of distances)', mean(streams), 0.05),
    row('sample ratio, level 0.1 %', 'assigned as planned, 50 %', ratio(streams, 0.5), 0.001),
    row('sample ratio, level 0.1 %', '52 % instead of 50 %', ratio(streams, 0.52)),
    row('sample ratio, level 0.1 %', '60 % instead of 50 %', ratio(streams, 0.6)),
  ];
}

function row(test, situation, ends, bound = null) {
  const proven = ends.filter((end) => end !== null);
  return {
    test,
    situation,
    share: proven.length / ends.length,
    median: proven.length === 0 ? null : quantile(proven, 0.5),
    bound,
  };
}

const each = (streams, of) => Array.from({ length: streams }, (_, seed) => of(seeded(seed + 1)));

function errorRuns(streams, claim, candidate, champion) {
  const bound = { ratio: 1, added: 0.01, expected: 0.01 };
  return each(streams, (random) => {
    const [ours, theirs] = [
      { errors: 0, total: 0 },
      { errors: 0, total: 0 },
    ];
    for (let n = 0; n < 5_000; n += 1) {
      ours.total += 1;
      theirs.total += 1;
      if (random() < candidate) ours.errors += 1;
      if (random() < champion) theirs.errors += 1;
      if (n % 50 === 49 && claim(ours, theirs, bound) >= PROOF) return n + 1;
    }
    return null;
  });
}

function latencyRuns(streams, claim, scale) {
  const bound = { quantile: 0.95, ratio: 1.2, added: 0 };
  const draw = (random, times) =>
    times * 10 * Math.exp(0.5 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
  return each(streams, (random) => {
    const [ours, theirs] = [new LatencySketch(), new LatencySketch()];
    for (let n = 1; n <= 8_000; n += 1) {
      ours.add(draw(random, scale));
      theirs.add(draw(random, 1));
      if (n % 200 === 0 && claim(ours.cells(), theirs.cells(), bound) >= PROOF) return n;
    }
    return null;
  });
}

function meanRuns(streams) {
  return each(streams, (random) => {
    let interval = NO_INTERVAL;
    for (let n = 1; n <= 3_000; n += 1) {
      interval = narrow(interval, 0.3 * (random() + random() - 1) - 0.05, 0.05);
      if (interval.low > -0.05 || interval.high < -0.05) return n;
    }
    return null;
  });
}

function ratioRuns(streams, share) {
  return each(streams, (random) => {
    const counts = [0, 0];
    for (let n = 1; n <= 20_000; n += 1) {
      counts[random() < share ? 1 : 0] += 1;
      if (n % 50 === 0 && logMismatch(counts, [0.5, 0.5]) >= Math.log(1000)) return n;
    }
    return null;
  });
}
