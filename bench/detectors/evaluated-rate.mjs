import { seededRandom } from '../../dist/kernel/index.js';
import { binaryDetector } from '../../dist/monitors/domain/e-detector.js';
import { toleratedRate } from '../../dist/monitors/domain/rate-monitor.js';
import { alarmsOf } from './ours.mjs';
import { judge } from './scoring.mjs';
import { LENGTH, STABLE_RATE } from './streams.mjs';

const EVALUATIONS = [
  [200, 0],
  [1_000, 0],
  [5_000, 0],
  [5_000, 0.01],
];
/** Enough for a mean delay. */
const CHANGED_STREAMS = 100;

/** What follows when p0 is an estimate: the same streams, p0 from so many evaluated rows of the same true rate. */
export function evaluatedRates(cells, threshold) {
  const table = [];
  for (const [rows, tolerance] of EVALUATIONS) {
    const limits = cells[0].streams.map((_, i) => limitOf(rows, tolerance, i));
    const alarms = (cell) => (stream) => {
      const values = cell.data.subarray(stream.offset, stream.offset + LENGTH);
      const feed = (value, at) => ({ bad: value === 1, at });
      return alarmsOf({ detector: binaryDetector(limits[Number(stream.id)], threshold), feed }, values);
    };
    const judged = cells.map((cell, i) =>
      judge(i === 0 ? cell.streams : cell.streams.slice(0, CHANGED_STREAMS), alarms(cell), { stands: true }),
    );
    const mean = limits.reduce((sum, limit) => sum + limit, 0) / limits.length;
    const below = limits.filter((limit) => limit < STABLE_RATE).length / limits.length;
    table.push({ rows, tolerance, mean, below, stable: judged[0], changed: judged.slice(1) });
  }
  return table;
}

function limitOf(rows, tolerance, stream) {
  const random = seededRandom(77_000_000 + rows * 31 + stream);
  let bad = 0;
  for (let k = 0; k < rows; k += 1) if (random() < STABLE_RATE) bad += 1;
  return toleratedRate(bad, rows, tolerance, 'evaluation').rate;
}
