import { type Digest, factType } from '../../kernel/index.js';

/** A model document was created or changed. */
export const ModelApplied = factType<{ readonly model: string }>('models.model-applied');
/** A version is in the catalog; its artifact is in the store. */
export const VersionRegistered = factType<{ readonly model: string; readonly digest: Digest }>(
  'models.version-registered',
);
/** Another version serves as champion (or the first one does). */
export const ChampionChanged = factType<{
  readonly model: string;
  readonly champion: Digest;
  readonly reference: Digest;
  readonly promotion: string | null;
}>('models.champion-changed');
