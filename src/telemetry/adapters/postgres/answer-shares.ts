import type { Database } from '../../../platform/postgres/index.js';
import type { ModelView } from '../../domain/admit.js';
import { type AnswerShare, advanceShare, type PastLevel, WHOLE_SHARE } from '../../domain/answer-share.js';

interface ShareRow {
  readonly model: string;
  readonly level: number;
  readonly slot: number;
  readonly seen: number;
  readonly past: PastLevel[];
}

/** Shares of these models; those that are not there keep every answer. */
export async function loadShares(db: Database, models: readonly string[]): Promise<Map<string, AnswerShare>> {
  if (models.length === 0) return new Map();
  const rows = await db.query<ShareRow>(
    `SELECT model, level, slot::float8 AS slot, seen::float8 AS seen, past FROM telemetry.answer_share
     WHERE model = ANY($1::text[])`,
    [models],
  );
  return new Map(rows.map(({ model, ...share }) => [model, share]));
}

/** Counts what was seen of each model and sets its share. The caller holds the models' locks. */
export async function advanceShares(
  db: Database,
  seen: ReadonlyMap<string, number>,
  views: ReadonlyMap<string, ModelView>,
  now: Date,
): Promise<Map<string, AnswerShare>> {
  const shares = await loadShares(db, [...seen.keys()]);
  for (const [model, count] of seen) {
    const view = views.get(model);
    if (view === undefined) continue;
    const before = shares.get(model) ?? WHOLE_SHARE;
    const rememberMs = (view.keepSeconds + view.labelWaitSeconds) * 1000;
    const perSecond = view.spec.telemetry.answersPerSecond;
    shares.set(model, advanceShare(before, count, now.getTime(), perSecond, rememberMs));
  }
  await saveShares(db, [...shares]);
  return shares;
}

async function saveShares(db: Database, shares: readonly (readonly [string, AnswerShare])[]): Promise<void> {
  if (shares.length === 0) return;
  const of = <T>(read: (share: AnswerShare) => T): T[] => shares.map(([, share]) => read(share));
  await db.affected(
    `INSERT INTO telemetry.answer_share (model, level, slot, seen, past)
     SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::jsonb[])
     ON CONFLICT (model) DO UPDATE SET
       level = EXCLUDED.level, slot = EXCLUDED.slot, seen = EXCLUDED.seen, past = EXCLUDED.past`,
    [
      shares.map(([model]) => model),
      of(({ level }) => level),
      of(({ slot }) => slot),
      of((share) => share.seen),
      of(({ past }) => JSON.stringify(past)),
    ],
  );
}
