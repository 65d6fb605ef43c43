import type { Persistence } from '../platform/postgres/index.js';
import { CandidateRow } from './adapters/postgres/candidate-row.js';
import { CreateCandidates1763700700000 } from './adapters/postgres/migrations/1763700700000-create-candidates.js';

export const candidatesPersistence: Persistence = {
  entities: [CandidateRow],
  migrations: [CreateCandidates1763700700000],
};
