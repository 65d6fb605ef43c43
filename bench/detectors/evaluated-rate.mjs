import { seededRandom } from '../../dist/kernel/index.js';
import { binaryDetector } from '../../dist/monitors/domain/e-detector.js';
import { toleratedRate } from '../../dist/monitors/domain/rate-monitor.js';
import { alarmsOf } from './ours.mjs';
import { judge } from './scoring.mjs';
import { LENGTH, STABLE_RATE } from './streams.mjs';

const ROWS = [200, 1_000, 5_000];
const TOLERANCES = [0, 0.01];

/** What follows when p0 is an estimate: the same streams, p0 from so many evaluated rows of the same true rate. */
export function evaluatedRates(cells, threshold) {
  const table = [];
  for (const rows of ROWS)
    for (const tolerance of TOLERANCES) {
      const rates = [];
      const limits = cells[0].streams.map((_, i) => {
        const random = seededRandom(77_000_000 + rows * 31 + i);
        let bad = 0;
        for (let k = 0; k < rows; k += 1) if (random() < STABLE_RATE) bad += 1;
        rates.push(toleratedRate(bad, rows, tolerance, 'evaluation').rate);
        return rates.at(-1);
      });
      const alarms = (cell) => (stream) => {
        const values = cell.data.subarray(stream.offset, stream.offset + LENGTH);
        const feed = (value, at) => ({ bad: value === 1, at });
        return alarmsOf({ detector: binaryDetector(limits[Number(stream.id)], threshold), feed }, values);
      };
      const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
      const below = limits.filter((limit) => limit < STABLE_RATE).length / limits.length;
      const judged = cells.map((cell) => judge(cell.streams, alarms(cell), { stands: true }));
      table.push({ rows, tolerance, mean, below, stable: judged[0], changed: judged.slice(1) });
    }
  return table;
}
