import { type EpisodeResult, HORIZON_REQUESTS, type Truth, TRUTHS, type Verdict } from './episode.js';
import { isRight, rightShare } from './matrix.js';
import { CONDITIONS, type Pool } from './pool.js';
import { FALSE_ALARM_EVERY, LABEL_DELAY_REQUESTS, LABEL_SHARES, TRAFFIC } from './scripts.js';

/** What was played on one model: episodes with labels that come late, and episodes without any. */
export interface Played {
  readonly pool: Pick<Pool, 'model' | 'rows' | 'measured' | 'reference' | 'champion'>;
  readonly late: readonly EpisodeResult[];
  readonly unlabelled: readonly EpisodeResult[];
}

const COLUMNS: readonly Verdict[] = [
  ...(['compression-damage', 'world-changed', 'latency', 'no-compressed-champion', 'unclear', 'none'] as const),
];

/** The whole page. */
export function attributionPage(played: readonly Played[]): string {
  const late = played.flatMap((each) => each.late);
  const unlabelled = played.flatMap((each) => each.unlabelled);
  return [
    '# How often attribution is right',
    '',
    '<!-- Written by `npm run bench:attribution`; do not edit. -->',
    '',
    ...introduction(late, unlabelled),
    '',
    '## What the rows are',
    ...played.flatMap(({ pool }) => ['', ...poolTable(pool)]),
    '',
    '## Labels come late, and for some',
    '',
    `${late.length} episodes, ${percent(rightShare(late))} right. Rows: what happened; columns: what the program made of it`,
    `(\`unclear\`: it says so and waits; \`none\`: it does nothing). Calm is right when nothing is done.`,
    ...played.flatMap(({ pool, late: of }) => ['', `### ${pool.model}`, '', ...matrix(of)]),
    '',
    '## How long it takes',
    '',
    'Requests after the change, median and 90th percentile of the episodes in which it happened: until a monitor alarmed,',
    'until a cause was named, until the trigger was opened (which also needs the samples and labels that the document asks',
    'for). Passes are a window apart, 400 requests.',
    '',
    ...delays(late),
    '',
    '## By traffic and by labels',
    '',
    ...circumstances(late),
    '',
    '## Without any label',
    '',
    `${unlabelled.length} episodes. Nobody can tell damage from a changed world by inputs and agreement alone where both have`,
    'moved, so here it is right to say "unclear" and wrong to act on a guess.',
    ...played.flatMap(({ pool, unlabelled: of }) => ['', `### ${pool.model}`, '', ...matrix(of)]),
    '',
    '## What was opened',
    '',
    ...remedies([...late, ...unlabelled]),
    '',
    ...mistakes(late),
    '',
  ].join('\n');
}

/** The confusion matrix of some episodes. */
export function matrix(results: readonly EpisodeResult[]): string[] {
  const head = ['happened', ...COLUMNS, 'right'];
  const lines = TRUTHS.map((truth) => {
    const of = results.filter(({ script }) => script.truth === truth);
    const counts = COLUMNS.map((verdict) => String(of.filter((result) => result.verdict === verdict).length));
    return [truth, ...counts, percent(of.filter(isRight).length / of.length)];
  });
  return table(head, lines);
}

/** Trainings among the triggers that were opened in episodes of a cause. */
export function trainings(results: readonly EpisodeResult[], truth: Truth): number {
  return results.filter(({ script, remedy }) => script.truth === truth && remedy?.startsWith('incremental') === true)
    .length;
}

function introduction(late: readonly EpisodeResult[], unlabelled: readonly EpisodeResult[]): string[] {
  const rates = TRAFFIC.map(({ requestsPerSecond }) => requestsPerSecond).join(', ');
  const shares = LABEL_SHARES.map(percent).join(', ');
  const latency = late.filter(({ script }) => script.truth === 'latency').length;
  const more = unlabelled.filter(({ script }) => script.truth === 'latency').length;
  return [
    'Real models, real rows, real answers: the references of `examples/` and the eight-bit versions that `quantize-static` makes',
    'of them, scored once by ONNX Runtime under corruptions (`bench/attribution/pools.py`). An episode draws requests from these',
    "rows, counts them into windows, and feeds them to the monitors' own functions, to attribution and to policy, pass by pass:",
    `500 to 2,000 requests as they were, then a change, then up to ${HORIZON_REQUESTS.toLocaleString('en-US')} requests. Traffic: ${rates} requests a second. Labels: ${shares} of the`,
    `answers, ${LABEL_DELAY_REQUESTS.join(' or ')} requests late on average (exponential). At most 20 samples a second are re-scored. A = ${FALSE_ALARM_EVERY.toLocaleString('en-US')} a`,
    "monitor, tolerances of the examples' documents, evaluations of 500 held-out rows. Seeds are fixed. Not simulated: cost, which",
    'is judged by the hour, and triggers by hand.',
    '',
    `**${percent(rightShare(late))} of ${late.length} episodes with late labels are right. Of ${latency + more} episodes of pure latency ${trainings([...late, ...unlabelled], 'latency')} led to a training.**`,
  ];
}

function poolTable({ model, rows, measured }: Played['pool']): string[] {
  const lines = CONDITIONS.map((name) => {
    const { accuracy, referenceAccuracy, agreement } = measured[name];
    return [name, percent(accuracy), percent(referenceAccuracy), percent(agreement)];
  });
  return [`${model}, ${rows} rows:`, '', ...table(['condition', 'champion right', 'reference right', 'agree'], lines)];
}

function delays(results: readonly EpisodeResult[]): string[] {
  const variants = [...new Set(results.map(({ script }) => `${script.truth}|${script.variant}`))].sort();
  const lines = variants.map((name) => {
    const [truth = '', variant = ''] = name.split('|');
    const of = results.filter(({ script }) => script.truth === truth && script.variant === variant);
    const right = percent(of.filter(isRight).length / of.length);
    const spread = (key: 'alarmAfter' | 'namedAfter' | 'openedAfter'): string =>
      quantiles(of.flatMap((result) => result[key] ?? []).filter((after) => after >= 0));
    const opened = of.filter(({ remedy }) => remedy !== null).length;
    return [truth, variant, String(of.length), right, ...[spread('alarmAfter'), spread('namedAfter')]].concat([
      spread('openedAfter'),
      percent(opened / of.length),
    ]);
  });
  return table(['happened', 'how', 'episodes', 'right', 'alarm', 'named', 'opened', 'share opened'], lines);
}

function circumstances(results: readonly EpisodeResult[]): string[] {
  const shares = LABEL_SHARES.map((share) => `${percent(share)} labelled`);
  const lines = TRAFFIC.map(({ requestsPerSecond }) => [
    `${requestsPerSecond} requests/s`,
    ...LABEL_SHARES.map((share) =>
      percent(
        rightShare(
          results.filter(({ script }) => script.requestsPerSecond === requestsPerSecond && script.labelShare === share),
        ),
      ),
    ),
  ]);
  return table(['right', ...shares], lines);
}

function remedies(results: readonly EpisodeResult[]): string[] {
  const names = [...new Set(results.flatMap(({ remedy }) => remedy ?? []))].sort();
  const lines = TRUTHS.map((truth) => {
    const of = results.filter(({ script }) => script.truth === truth);
    return [
      truth,
      ...names.map((name) => String(of.filter(({ remedy }) => remedy === name).length)),
      String(of.filter(({ remedy }) => remedy === null).length),
    ];
  });
  return table(['happened', ...names, 'nothing'], lines);
}

/** The episodes that are not right, by what they have in common. */
function mistakes(results: readonly EpisodeResult[]): string[] {
  const counts = new Map<string, number>();
  for (const result of results) {
    if (isRight(result)) continue;
    const { truth, variant, labelShare } = result.script;
    const key = [truth, variant, `${percent(labelShare)} labelled`, result.verdict, `\`${result.row}\``].join('|');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  if (counts.size === 0) return ['No episode with late labels went wrong.'];
  const lines = [...counts].sort(([, a], [, b]) => b - a).map(([key, count]) => [...key.split('|'), String(count)]);
  return [
    'Every episode with late labels that is not right:',
    '',
    ...table(['happened', 'how', 'labels', 'made of it', 'row', 'episodes'], lines),
    '',
    'Most of them end before anybody could know: where 7 % of the truth changes and 5 % of the answers get a label, 8,000 requests',
    'bring some 400 labels, and a rise to 10 % where 7 % is tolerated takes more than a thousand at this false-alarm level.',
  ];
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...lines.map(line)];
}

function quantiles(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return `${at(0.5).toLocaleString('en-US')} · ${at(0.9).toLocaleString('en-US')}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
