import type { FindingState } from '../../monitors/index.js';
import type { Cause } from './trigger.js';

/** The columns of the decision table. */
export interface Signals {
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
  readonly latency: FindingState;
  readonly errors: FindingState;
}

export interface DecisionRow {
  readonly name: string;
  readonly when: Partial<Signals>;
  readonly cause: Cause | 'unclear' | 'none';
  readonly because: string;
}

/** The first row whose every condition holds decides. The README shows it as it stands here. */
export const DECISION_TABLE: readonly DecisionRow[] = [
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
    because:
      'The champion left its reference and the inputs may have changed; without labels nobody can tell compression damage from a changed world.',
  },
  {
    name: 'awaiting-labels',
    when: { fidelity: 'alarm', reference: 'unknown' },
    cause: 'unclear',
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
    because: 'The champion became worse and the reference did not, but their difference is not proven yet.',
  },
  {
    name: 'reference-unknown',
    when: { accuracy: 'alarm' },
    cause: 'unclear',
    because: 'The champion became worse; more labelled re-scored samples are needed to know whether the reference did.',
  },
  {
    name: 'slow',
    when: { latency: 'alarm' },
    cause: 'latency',
    because: 'Quality is as promised, but the champion is slower than its ceiling.',
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
  { name: 'calm', when: {}, cause: 'none', because: 'No monitor gives a reason to act.' },
];

/** The table in Markdown. */
export function decisionTableMarkdown(): string {
  const lines = DECISION_TABLE.map(({ name, when, cause, because }) => {
    const conditions = Object.entries(when).map(([column, value]) => `${column} ${value}`);
    return `| \`${name}\` | ${conditions.join(', ') || 'anything else'} | **${cause}** | ${because} |`;
  });
  return ['| row | when | cause | because |', '| --- | --- | --- | --- |', ...lines].join('\n');
}
