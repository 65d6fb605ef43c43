import { createHash } from 'node:crypto';
import type { Database } from '../../../platform/postgres/index.js';
import type { DeadLetter } from '../../domain/dead-letter.js';
import { type RequestLabel, resolveLabels } from '../../domain/resolve-labels.js';
import { type AnswerShare, isOutside, WHOLE_SHARE } from '../../domain/answer-share.js';
import type { LabelReport } from '../../ports.js';
import { containingWindow } from './containing-window.js';

/** A label together with the topic and partition that a conflict is reported under. */
export interface LabelOrigin {
  readonly topic: string;
  readonly partition: number;
  readonly at: Date;
}

/** Which answers of a model are kept one by one at all. */
export interface LabelShare {
  readonly share: AnswerShare;
  /** The labels' answers come from the log as well, so labels of requests outside the share need not be looked for. */
  readonly fromLog: boolean;
}

/**
 * Joins labels of one model with their answers, keeps early ones, counts those of requests whose answers are certainly
 * not kept one by one (`share`), and returns those that contradict an earlier label.
 * The caller holds the model's lock: sequences are taken under it, so no reader can see a number before a lower one.
 */
export async function applyLabels(
  db: Database,
  model: string,
  given: readonly RequestLabel[],
  origin: LabelOrigin,
  { share, fromLog }: LabelShare = { share: WHOLE_SHARE, fromLog: false },
): Promise<LabelReport & { readonly dead: readonly DeadLetter[] }> {
  // The share's past reaches as far back as a label may come late.
  const isLeftOut = ({ requestId }: RequestLabel): boolean => isOutside(requestId, share, 0);
  const labels = fromLog ? given.filter((label) => !isLeftOut(label)) : given;
  if (labels.length === 0) return { joined: 0, early: 0, repeated: 0, conflicts: 0, outside: given.length, dead: [] };
  const ids = [...new Set(labels.map(({ requestId }) => requestId))];
  const answers = await db.query<{ request_id: string; prediction: number | null; label: number | null }>(
    'SELECT request_id, prediction, label FROM telemetry.answer WHERE model = $1 AND request_id = ANY($2::text[])',
    [model, ids],
  );
  const pending = await db.query<{ request_id: string; label: number }>(
    'SELECT request_id, label FROM telemetry.pending_label WHERE model = $1 AND request_id = ANY($2::text[])',
    [model, ids],
  );
  const resolution = resolveLabels(
    labels,
    new Map(answers.map((row) => [row.request_id, row])),
    new Map(pending.map((row) => [row.request_id, row.label])),
  );
  await joinLabels(db, model, resolution.join);
  const early = resolution.early.filter((label) => !isLeftOut(label));
  await keepEarly(db, model, early, origin.at);
  return {
    joined: resolution.join.length,
    early: early.length,
    repeated: resolution.repeated,
    conflicts: resolution.conflicts.length,
    outside: given.length - labels.length + resolution.early.length - early.length,
    dead: resolution.conflicts.map(({ requestId, label, first }) =>
      labelLetter(model, { requestId, label }, origin, {
        class: 'label-conflict',
        detail: `label ${label} differs from ${first}, which came first`,
      }),
    ),
  };
}

/** Hands the labels that were waiting for these answers over, in the order in which they came, by model. */
export async function takePending(
  db: Database,
  answers: readonly { readonly model: string; readonly requestId: string }[],
): Promise<Map<string, RequestLabel[]>> {
  const taken = new Map<string, RequestLabel[]>();
  if (answers.length === 0) return taken;
  const rows = await db.query<RequestLabel & { model: string }>(
    `WITH taken AS (
       DELETE FROM telemetry.pending_label AS waiting USING unnest($1::text[], $2::text[]) AS said (model, request_id)
       WHERE waiting.model = said.model AND waiting.request_id = said.request_id
       RETURNING waiting.model, waiting.request_id, waiting.label, waiting.arrival)
     SELECT model, request_id AS "requestId", label FROM taken ORDER BY arrival`,
    [answers.map(({ model }) => model), answers.map(({ requestId }) => requestId)],
  );
  for (const { model, ...label } of rows) {
    const list = taken.get(model);
    if (list === undefined) taken.set(model, [label]);
    else list.push(label);
  }
  return taken;
}

/** A refused label as a dead letter; its body is the label as JSON. */
export function labelLetter(
  model: string,
  label: RequestLabel,
  origin: LabelOrigin,
  reason: DeadLetter['reason'],
): DeadLetter {
  const head = Buffer.from(JSON.stringify({ model, ...label }));
  const sha256 = `sha256:${createHash('sha256').update(head).digest('hex')}`;
  return { ...origin, offset: null, model, reason, sha256, head, sizeBytes: head.length };
}

/** The window that an answer was counted in may have been rolled up before its label came. */
const BASE = { version: 'base.version', start: 'base.window_start', seconds: 'base.window_seconds' };

async function joinLabels(
  db: Database,
  model: string,
  join: readonly (RequestLabel & { readonly correct: boolean })[],
): Promise<void> {
  if (join.length === 0) return;
  const sequences = await db.query<{ sequence: number }>(
    `SELECT nextval('telemetry.label_sequence')::float8 AS sequence FROM generate_series(1, $1::integer)`,
    [join.length],
  );
  const ids = join.map(({ requestId }) => requestId);
  const values = join.map(({ label }) => label);
  const numbers = sequences.map(({ sequence }) => sequence).sort((a, b) => a - b);
  await db.query(
    `WITH said AS (
       SELECT * FROM unnest($2::text[], $3::float8[], $4::bigint[]) AS said (request_id, label, sequence)
     ), joined AS (
       UPDATE telemetry.answer SET label = said.label, label_sequence = said.sequence
       FROM said WHERE answer.model = $1 AND answer.request_id = said.request_id
       RETURNING answer.version, answer.window_start, answer.window_seconds, (answer.prediction = said.label)::integer AS correct
     ), base AS (
       SELECT version, window_start, window_seconds, count(*) AS labelled, sum(correct) AS correct
       FROM joined GROUP BY version, window_start, window_seconds
     ), counted AS (
       UPDATE telemetry."window" AS w SET labelled = w.labelled + sums.labelled, correct = w.correct + sums.correct
       FROM (SELECT base.version, place.start, place.seconds, sum(labelled) AS labelled, sum(correct) AS correct
             FROM base CROSS JOIN LATERAL (${containingWindow(BASE)}) AS place GROUP BY 1, 2, 3) AS sums
       WHERE w.model = $1 AND w.version = sums.version AND w.start = sums.start AND w.seconds = sums.seconds
     )
     UPDATE telemetry.sample SET label = said.label FROM said
     WHERE sample.model = $1 AND sample.request_id = said.request_id`,
    [model, ids, values, numbers],
  );
}

async function keepEarly(db: Database, model: string, early: readonly RequestLabel[], at: Date): Promise<void> {
  if (early.length === 0) return;
  await db.affected(
    `INSERT INTO telemetry.pending_label (model, request_id, label, arrived_at)
     SELECT $1, said.request_id, said.label, $4 FROM unnest($2::text[], $3::float8[]) WITH ORDINALITY
       AS said (request_id, label, place) ORDER BY said.place
     ON CONFLICT (model, request_id) DO NOTHING`,
    [model, early.map(({ requestId }) => requestId), early.map(({ label }) => label), at.toISOString()],
  );
}
