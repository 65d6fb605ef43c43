import type { Database } from '../../../platform/postgres/index.js';
import type { FeatureProfile, PendingValue } from '../../domain/feature-profile.js';

interface ProfileRow {
  readonly feature: string;
  readonly edges: number[] | null;
  readonly pending: PendingValue[];
}

/** Profiles of a model by feature. The caller holds the model's lock. */
export async function loadProfiles(db: Database, model: string): Promise<Map<string, FeatureProfile>> {
  const rows = await db.query<ProfileRow>(
    'SELECT feature, edges, pending FROM telemetry.feature_profile WHERE model = $1',
    [model],
  );
  return new Map(
    rows.map(({ feature, edges, pending }) => [feature, edges === null ? { edges, pending } : { edges, pending: [] }]),
  );
}

/** Writes profiles that changed. A profile that is fixed is never written again. */
export async function saveProfiles(
  db: Database,
  model: string,
  profiles: ReadonlyMap<string, FeatureProfile>,
): Promise<void> {
  for (const [feature, { edges, pending }] of profiles) {
    await db.affected(
      `INSERT INTO telemetry.feature_profile AS known (model, feature, edges, pending) VALUES ($1, $2, $3::float8[], $4::jsonb)
       ON CONFLICT (model, feature) DO UPDATE SET edges = EXCLUDED.edges, pending = EXCLUDED.pending
       WHERE known.edges IS NULL`,
      [model, feature, edges, JSON.stringify(pending)],
    );
  }
}
