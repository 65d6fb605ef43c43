import type { Digest } from '../../../kernel/index.js';
import type { Database } from '../../../platform/postgres/index.js';
import type { FeatureProfile, PendingValue } from '../../domain/feature-profile.js';
import { nameOfProfile, type ProfileKey } from '../../domain/settle-waiting.js';

interface ProfileRow extends ProfileKey {
  readonly edges: number[] | null;
  readonly pending: PendingRow | PendingValue[];
}

/** Values that wait, with their windows apart: a value is two numbers, not four and a digest. */
interface PendingRow {
  readonly windows: readonly (readonly [Digest, number, number])[];
  /** Value and number of its window, alternating. */
  readonly values: readonly number[];
}

/** These profiles, of whatever models, by `nameOfProfile`. The caller holds the models' locks. */
export async function loadProfiles(db: Database, keys: readonly ProfileKey[]): Promise<Map<string, FeatureProfile>> {
  if (keys.length === 0) return new Map();
  const rows = await db.query<ProfileRow>(
    `SELECT model, feature, edges, pending FROM telemetry.feature_profile
     WHERE (model, feature) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    [keys.map(({ model }) => model), keys.map(({ feature }) => feature)],
  );
  return new Map(
    rows.map((row) => [
      nameOfProfile(row),
      row.edges === null ? { edges: null, pending: fromRow(row.pending) } : { edges: row.edges, pending: [] },
    ]),
  );
}

/** Writes profiles that changed. A profile that is fixed is never written again. */
export async function saveProfiles(
  db: Database,
  profiles: readonly (ProfileKey & { readonly profile: FeatureProfile })[],
): Promise<void> {
  if (profiles.length === 0) return;
  // One parameter: every quotation mark in an array of JSON texts would have to be escaped once more.
  await db.affected(
    `INSERT INTO telemetry.feature_profile AS known (model, feature, edges, pending)
     SELECT model, feature, CASE WHEN jsonb_typeof(edges) = 'array' THEN ARRAY(
       SELECT edge::float8 FROM jsonb_array_elements_text(edges) WITH ORDINALITY AS e (edge, place) ORDER BY place) END, pending
     FROM jsonb_to_recordset($1::jsonb) AS said (model text, feature text, edges jsonb, pending jsonb)
     ON CONFLICT (model, feature) DO UPDATE SET edges = EXCLUDED.edges, pending = EXCLUDED.pending
     WHERE known.edges IS NULL`,
    [
      JSON.stringify(
        profiles.map(({ model, feature, profile }) => ({
          model,
          feature,
          edges: profile.edges,
          pending: toRow(profile.pending),
        })),
      ),
    ],
  );
}

function toRow(pending: readonly PendingValue[]): PendingRow {
  const places = new Map<string, number>();
  const windows: [Digest, number, number][] = [];
  const values: number[] = [];
  for (const { value, version, start, seconds } of pending) {
    const name = `${version} ${start} ${seconds}`;
    const place = places.get(name) ?? windows.push([version, start, seconds]) - 1;
    places.set(name, place);
    values.push(value, place);
  }
  return { windows, values };
}

/** Rows of an earlier release are lists. */
function fromRow(pending: ProfileRow['pending']): PendingValue[] {
  if ('length' in pending) return pending;
  const values: PendingValue[] = [];
  for (let i = 0; i + 1 < pending.values.length; i += 2) {
    const [version, start, seconds] = pending.windows[pending.values[i + 1] ?? 0] ?? [];
    if (version !== undefined && start !== undefined && seconds !== undefined) {
      values.push({ value: pending.values[i] ?? 0, version, start, seconds });
    }
  }
  return values;
}

/** Fixed edges of all features of these models. */
export async function loadEdges(db: Database, models: readonly string[]): Promise<Map<string, readonly number[]>> {
  if (models.length === 0) return new Map();
  const rows = await db.query<ProfileKey & { readonly edges: number[] }>(
    'SELECT model, feature, edges FROM telemetry.feature_profile WHERE edges IS NOT NULL AND model = ANY($1::text[])',
    [models],
  );
  return new Map(rows.map((row) => [nameOfProfile(row), row.edges]));
}
