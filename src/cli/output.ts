import { stringify } from 'yaml';

export const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

/** One column of a table: its heading and how a row fills it. */
export type Column = readonly [heading: string, cell: (row: never) => unknown];

/** Where the program writes; a test reads it. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** The whole answer as JSON or YAML. */
export function document(value: unknown, format: 'json' | 'yaml'): string {
  return format === 'json' ? JSON.stringify(value, null, 2) : stringify(value, { lineWidth: 120 }).trimEnd();
}

/** Rows under headings, columns padded; says so when there is nothing. */
export function table(rows: readonly object[], columns: readonly Column[]): string {
  if (rows.length === 0) return 'There is nothing.';
  const lines = [
    columns.map(([heading]) => heading),
    ...rows.map((row) => columns.map(([, cell]) => text((cell as (row: object) => unknown)(row)))),
  ];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/;
const DIGEST = /^sha256:([0-9a-f]{12})[0-9a-f]{52}$/;

/** A value in one line: short digests, times to the second, `–` for nothing. */
export function text(value: unknown): string {
  if (value === null || value === undefined || value === '') return '–';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'string') return JSON.stringify(value);
  if (ISO_TIME.test(value)) return `${value.slice(0, 10)} ${value.slice(11, 19)}Z`;
  // Text of models and tokens may come from anywhere; control characters would act on the terminal.
  return (DIGEST.exec(value)?.[1] ?? value).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
