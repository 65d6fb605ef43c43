import type { ScenarioSummary } from './summary.js';

const share = (value: number | null): string => (value === null ? '–' : (value * 100).toFixed(1));
const number = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits));

const COLUMNS: readonly [string, (row: ScenarioSummary) => string][] = [
  ['scenario', (row) => (row.prelude ? `${row.name} (prelude)` : row.name)],
  ['ended as described', (row) => (row.ok ? 'yes' : 'NO')],
  ['cause', (row) => row.cause ?? '–'],
  ['remedy', (row) => row.remedy ?? '–'],
  ['requests to detection', (row) => number(row.requestsToDetection, 0)],
  ['size ÷ reference', (row) => number(row.sizeRatio, 2)],
  ['speed × reference', (row) => number(row.speedup, 2)],
  ['accuracy before', (row) => share(row.live.before)],
  ['during', (row) => share(row.live.during)],
  ['after', (row) => share(row.live.after)],
  ['unseen: champion', (row) => share(row.accuracy.championAfter)],
  ['unseen: reference', (row) => share(row.accuracy.referenceAfter)],
  ['detect s', (row) => number(row.seconds.detection, 1)],
  ['job s', (row) => number(row.seconds.job, 1)],
  ['evaluate s', (row) => number(row.seconds.evaluation, 1)],
  ['experiment s', (row) => number(row.seconds.experiment, 1)],
  ['rollout s', (row) => number(row.seconds.rollout, 1)],
  ['total s', (row) => number(row.seconds.total, 1)],
];

/** The summary with one column a scenario, because there are more figures than scenarios. */
export function summaryTable(rows: readonly ScenarioSummary[]): string {
  const cells = COLUMNS.map(([title, read]) => [title, ...rows.map(read)]);
  const widths = [0, ...rows.keys()].map((_, column) => Math.max(...cells.map((line) => (line[column] ?? '').length)));
  widths.push(Math.max(...cells.map((line) => (line[rows.length] ?? '').length)));
  return cells
    .map((line) => `  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}
