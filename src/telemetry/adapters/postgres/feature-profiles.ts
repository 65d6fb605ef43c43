import type { Database } from '../../../platform/postgres/index.js';
import type { FeatureProfile, PendingValue } from '../../domain/feature-profile.js';
import { nameOfProfile, type ProfileKey } from '../../domain/settle-waiting.js';

interface ProfileRow extends ProfileKey {
  readonly edges: number[] | null;
  readonly pending: PendingValue[];
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
      row.edges === null ? { edges: null, pending: row.pending } : { edges: row.edges, pending: [] },
    ]),
  );
}

/** Writes profiles that changed. A profile that is fixed is never written again. */
export async function saveProfiles(
  db: Database,
  profiles: readonly (ProfileKey & { readonly profile: FeatureProfile })[],
): Promise<void> {
  if (profiles.length === 0) return;
  // Arrays of different lengths cannot be elements of one array, so the edges travel as JSON.
  await db.affected(
    `INSERT INTO telemetry.feature_profile AS known (model, feature, edges, pending)
     SELECT model, feature, CASE WHEN edges = 'null' THEN NULL
       ELSE ARRAY(SELECT edge::float8 FROM jsonb_array_elements_text(edges) WITH ORDINALITY AS e (edge, place) ORDER BY place) END, pending
     FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::jsonb[]) AS said (model, feature, edges, pending)
     ON CONFLICT (model, feature) DO UPDATE SET edges = EXCLUDED.edges, pending = EXCLUDED.pending
     WHERE known.edges IS NULL`,
    [
      profiles.map(({ model }) => model),
      profiles.map(({ feature }) => feature),
      profiles.map(({ profile }) => JSON.stringify(profile.edges)),
      profiles.map(({ profile }) => JSON.stringify(profile.pending)),
    ],
  );
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
