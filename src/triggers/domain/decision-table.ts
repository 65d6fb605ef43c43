import type { FindingState } from '../../monitors/index.js';
import type { Cause } from './trigger.js';

/** The columns of the decision table. */
export interface Signals {
  /** `other`: regression, series or text, which are monitored and not compressed. */
  readonly task: 'classification' | 'other';
  /** Of mean error and output distance: `alarm` when one of them alarms. */
  readonly answers: FindingState;
  readonly champion: 'reference' | 'compressed';
  readonly samples: 'few' | 'enough';
  /** Of remedies for a missing compressed champion. */
  readonly ladder: 'open' | 'exhausted';
  readonly accuracy: FindingState;
  readonly fidelity: FindingState;
  /** The reference on labelled traffic since the change. */
  readonly reference: 'fine' | 'worse' | 'unknown';
  /** `proven`: the champion is demonstrably worse than the reference on the same labelled requests. */
  readonly gap: 'proven' | 'none';
  /** `overdue`: longer awaited than the model's label wait. */
  readonly labels: 'awaited' | 'overdue';
  readonly inputDrift: FindingState;
  readonly predictionDrift: FindingState;
  /** What the model's own confidence says about its accuracy, without labels. */
  readonly estimatedAccuracy: FindingState;
  /** Of logged over served requests. */
  readonly coverage: FindingState;
  readonly latency: FindingState;
  readonly cost: FindingState;
  readonly errors: FindingState;
}

export interface DecisionRow {
  readonly name: string;
  readonly when: Partial<Signals>;
  readonly cause: Cause | 'unclear' | 'none';
  readonly because: string;
  /** What an unclear row asks for before anybody acts: more samples re-scored by the reference. */
  readonly asks?: 'rescore';
}

/** The first row whose every condition holds decides. The README shows it as it stands here. */
export const DECISION_TABLE: readonly DecisionRow[] = [
  {
    name: 'monitored-worse',
    when: { task: 'other', answers: 'alarm' },
    cause: 'none',
    because: 'Its answers have become worse, but a model of this kind is only monitored: nothing is compressed.',
  },
  {
    name: 'monitored-only',
    when: { task: 'other' },
    cause: 'none',
    because: 'A model of this kind is only monitored: nothing is compressed.',
  },
  {
    name: 'too-early',
    when: { champion: 'reference', samples: 'few' },
    cause: 'none',
    because: 'No compressed version serves, but there are too few samples to make one yet.',
  },
  {
    name: 'reference-outdated',
    when: { champion: 'reference', ladder: 'exhausted', accuracy: 'alarm' },
    cause: 'world-changed',
    because: 'The reference itself serves and has become worse, and it could not be compressed as it is.',
  },
  {
    name: 'nothing-compressed',
    when: { champion: 'reference' },
    cause: 'no-compressed-champion',
    because: 'The full-precision reference serves, and there are enough samples to compress it.',
  },
  {
    name: 'unseen',
    when: { coverage: 'alarm' },
    cause: 'unclear',
    because: 'Telemetry has seen too small a share of the served requests; until it does nobody acts on what it shows.',
  },
  {
    name: 'both-worse',
    when: { reference: 'worse', accuracy: 'alarm' },
    cause: 'world-changed',
    because: 'Champion and reference are both worse than they were: the world changed.',
  },
  {
    name: 'both-worse-by-fidelity',
    when: { reference: 'worse', fidelity: 'alarm' },
    cause: 'world-changed',
    because: 'The champion left its reference, but the reference is worse as well: the world changed.',
  },
  {
    name: 'damage',
    when: { fidelity: 'alarm', reference: 'fine' },
    cause: 'compression-damage',
    because: 'The champion left its reference while the reference stayed right: the compression no longer fits.',
  },
  {
    name: 'damage-without-labels',
    when: { fidelity: 'alarm', reference: 'unknown', labels: 'overdue', inputDrift: 'calm' },
    cause: 'compression-damage',
    because: 'The champion left its reference, the inputs are as they were, and no labels came in time to say more.',
  },
  {
    name: 'drift-without-labels',
    when: { fidelity: 'alarm', reference: 'unknown', labels: 'overdue' },
    cause: 'unclear',
    asks: 'rescore',
    because:
      'The champion left its reference and the inputs may have changed; without labels nobody can tell compression damage from a changed world.',
  },
  {
    name: 'awaiting-labels',
    when: { fidelity: 'alarm', reference: 'unknown' },
    cause: 'unclear',
    asks: 'rescore',
    because: 'The champion left its reference; more labels are needed to know how right the reference is since then.',
  },
  {
    name: 'damage-by-labels',
    when: { accuracy: 'alarm', reference: 'fine', gap: 'proven' },
    cause: 'compression-damage',
    because: 'The champion is worse than the reference on the same labelled requests, and the reference stayed right.',
  },
  {
    name: 'small-loss',
    when: { accuracy: 'alarm', reference: 'fine' },
    cause: 'unclear',
    asks: 'rescore',
    because: 'The champion became worse and the reference did not, but their difference is not proven yet.',
  },
  {
    name: 'reference-unknown',
    when: { accuracy: 'alarm' },
    cause: 'unclear',
    asks: 'rescore',
    because: 'The champion became worse; more labelled re-scored samples are needed to know whether the reference did.',
  },
  {
    name: 'estimated-loss',
    when: { estimatedAccuracy: 'alarm' },
    cause: 'unclear',
    asks: 'rescore',
    because:
      "By its own confidence the champion became worse; neither labels nor the reference's answers confirm it yet.",
  },
  {
    name: 'slow',
    when: { latency: 'alarm' },
    cause: 'latency',
    because: 'Quality is as promised, but the champion is slower than its ceiling.',
  },
  {
    name: 'expensive',
    when: { cost: 'alarm' },
    cause: 'latency',
    because: 'Quality is as promised, but a thousand requests cost more than their ceiling.',
  },
  {
    name: 'failing',
    when: { errors: 'alarm' },
    cause: 'none',
    because: 'Requests fail more often than allowed, which no compression mends.',
  },
  {
    name: 'harmless-drift',
    when: { inputDrift: 'alarm' },
    cause: 'none',
    because: 'The inputs have shifted, but neither accuracy nor fidelity has suffered.',
  },
  {
    name: 'harmless-answers',
    when: { predictionDrift: 'alarm' },
    cause: 'none',
    because: 'The mix of answers has shifted, but neither accuracy nor fidelity has suffered.',
  },
  {
    name: 'not-yet',
    when: { accuracy: 'undecided', fidelity: 'undecided', estimatedAccuracy: 'undecided' },
    cause: 'none',
    because: 'Nobody can say yet how good the answers are; no other monitor gives a reason to act.',
  },
  { name: 'calm', when: {}, cause: 'none', because: 'No monitor gives a reason to act.' },
];

/** The first row whose every condition holds. Total: the last row has no condition. */
export function rowFor(signals: Signals): DecisionRow {
  const row = DECISION_TABLE.find(({ when }) =>
    Object.entries(when).every(([column, wanted]) => signals[column as keyof Signals] === wanted),
  );
  if (row === undefined) throw new TypeError('The decision table has no row for this.');
  return row;
}

/** The table in Markdown. */
export function decisionTableMarkdown(): string {
  const lines = DECISION_TABLE.map(({ name, when, cause, because, asks }) => {
    const conditions = Object.entries(when).map(([column, value]) => `${column} ${value}`);
    const what = asks === undefined ? `**${cause}**` : `**${cause}**, re-scores more`;
    return `| \`${name}\` | ${conditions.join(', ') || 'anything else'} | ${what} | ${because} |`;
  });
  return ['| row | when | cause | because |', '| --- | --- | --- | --- |', ...lines].join('\n');
}
