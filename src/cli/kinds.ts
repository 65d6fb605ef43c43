import type { Column } from './output.js';

/** What `ratchet get` can list, where it is, and what of it goes into a table. */
export interface Kind {
  /** Path of the list, below /api/v1, for a model. */
  readonly list: (model: string) => string;
  /** Path of one of them by id; absent when only the list exists. */
  readonly one?: (id: string) => string;
  readonly ofAllModels?: boolean;
  readonly columns: readonly Column[];
}

/** A row of whatever kind: only what is there is shown. */
interface Row {
  readonly [key: string]: unknown;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

const at =
  (...path: readonly string[]) =>
  (row: Row): unknown =>
    path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], row);

const ID: Column = ['ID', at('id')];
const PHASE: Column = ['PHASE', at('status', 'phase')];
const CREATED: Column = ['CREATED', at('createdAt')];
const joined =
  (...path: readonly string[]) =>
  (row: Row): unknown => {
    const value = at(...path)(row);
    return Array.isArray(value) ? value.map(String).join('; ') : value;
  };

function aggregates(name: string, ...columns: readonly Column[]): Kind {
  return {
    list: (model) => `/models/${model}/${name}`,
    one: (id) => `/${name}/${id}`,
    columns: [ID, PHASE, ...columns, CREATED],
  };
}

export const KINDS: Readonly<Record<string, Kind>> = {
  models: {
    list: () => '/models',
    one: (id) => `/models/${id}`,
    ofAllModels: true,
    columns: [
      ['NAME', at('id')],
      ['CHAMPION', at('champion', 'champion')],
      ['SINCE', at('champion', 'from')],
      ['ACCURACY', at('champion', 'profile', 'accuracy')],
      ['REFERENCE', at('spec', 'reference', 'digest')],
      ['GENERATION', at('status', 'generation')],
    ],
  },
  versions: {
    list: (model) => `/models/${model}/versions`,
    columns: [
      ['DIGEST', at('digest')],
      ['KIND', at('kind')],
      ['BYTES', at('sizeBytes')],
      ['RECIPE', at('recipe')],
      ['PARENT', at('parent')],
      ['JOB', at('job')],
      CREATED,
    ],
  },
  triggers: aggregates(
    'triggers',
    ['OUTCOME', at('status', 'outcome')],
    ['CAUSE', at('spec', 'cause')],
    ['RECIPE', at('spec', 'remedy', 'recipe')],
  ),
  jobs: aggregates(
    'jobs',
    ['RECIPE', at('spec', 'recipe')],
    ['ATTEMPT', at('status', 'attempt', 'number')],
    ['STEP', at('status', 'progress', 'step')],
    ['DONE', at('status', 'progress', 'fraction')],
    ['WAITS FOR', at('status', 'waiting', 'message')],
  ),
  candidates: aggregates(
    'candidates',
    ['VERSION', at('spec', 'digest')],
    ['SIZE RATIO', at('status', 'evaluation', 'size', 'ratio')],
    ['SPEEDUP', at('status', 'evaluation', 'latency', 'speedup')],
    ['ACCURACY', at('status', 'evaluation', 'accuracy', 'candidate', 'value')],
    ['REASONS', joined('status', 'reasons')],
  ),
  experiments: aggregates(
    'experiments',
    ['VERDICT', at('status', 'verdict')],
    ['PAIRS', at('status', 'reading', 'pairs')],
    ['DIFFERENCE', at('status', 'reading', 'difference')],
    ['REASON', at('status', 'reason')],
  ),
  rollouts: aggregates(
    'rollouts',
    ['STEP', at('status', 'step')],
    ['SET %', at('status', 'traffic', 'set')],
    ['ACTUAL %', at('status', 'traffic', 'actual')],
    ['REASON', at('status', 'reason')],
  ),
  promotions: aggregates(
    'promotions',
    ['CHARGE', at('spec', 'charge')],
    ['BY', at('status', 'by')],
    ['REASON', at('status', 'reason')],
  ),
  records: {
    list: (model) => `/models/${model}/records`,
    one: (id) => `/records/${id}`,
    columns: [
      ID,
      ['OUTCOME', at('outcome')],
      ['DECIDED BY', at('decidedBy')],
      ['AT', at('at')],
      ['REASON', at('reason')],
    ],
  },
  findings: {
    list: (model) => `/models/${model}/findings`,
    columns: [
      ['MONITOR', at('monitor')],
      ['STATE', at('state')],
      ['VERSION', at('version')],
      ['SINCE', at('since')],
      ['EXPLANATION', at('explanation')],
    ],
  },
  decisions: {
    list: (model) => `/models/${model}/decisions`,
    columns: [
      ['AT', at('at')],
      ['ACTION', at('action')],
      ['CAUSE', at('cause')],
      ['ROW', at('row')],
      ['UNTIL', at('until')],
      ['TRIGGER', at('trigger')],
      ['REASONS', joined('reasons')],
    ],
  },
};

export const PERIOD_COLUMNS: readonly Column[] = [
  ['FROM', at('from')],
  ['UNTIL', at('until')],
  ['CHAMPION', at('champion')],
  ['REFERENCE', at('reference')],
  ['ACCURACY', at('profile', 'accuracy')],
  ['PROMOTION', at('promotion')],
];

export const TOKEN_COLUMNS: readonly Column[] = [
  ID,
  ['NAME', at('name')],
  ['ROLE', at('role')],
  CREATED,
  ['EXPIRES', at('expiresAt')],
  ['LAST USED', at('lastUsedAt')],
  ['REVOKED', at('revokedAt')],
];

export const LETTER_COLUMNS: readonly Column[] = [
  ID,
  ['AT', at('at')],
  ['CLASS', at('reason', 'class')],
  ['MODEL', at('model')],
  ['TOPIC', at('topic')],
  ['PARTITION', at('partition')],
  ['OFFSET', at('offset')],
  ['BYTES', at('sizeBytes')],
  ['REPLAYED', at('replayedAt')],
  ['DETAIL', at('reason', 'detail')],
];

export const AUDIT_COLUMNS: readonly Column[] = [
  ['SEQ', at('seq')],
  ['AT', at('at')],
  ['ACTOR', at('actor')],
  ['ACTION', at('action')],
  ['SUBJECT', at('subject')],
  ['REASON', at('reason')],
];
