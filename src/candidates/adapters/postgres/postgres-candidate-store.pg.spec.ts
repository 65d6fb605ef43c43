import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import type { Candidate } from '../../domain/candidate.js';
import { candidatesPersistence } from '../../persistence.js';
import { evaluationOf, pendingCandidate } from '../../testing/candidates.js';
import { PostgresCandidateStore } from './postgres-candidate-store.js';

describe('PostgresCandidateStore', () => {
  let test: TestDatabase;
  let store: PostgresCandidateStore;

  beforeAll(async () => {
    test = await openTestDatabase([candidatesPersistence]);
    store = new PostgresCandidateStore(test.db);
  }, 60_000);
  afterAll(() => test.close());

  it('gives back a candidate with its evaluation as it was saved', async () => {
    const saved = await store.save(pendingCandidate());
    const accepted = await store.save({ ...saved, status: { phase: 'Accepted', evaluation: evaluationOf() } });
    expect((await store.require(saved.id)).status).toEqual({ phase: 'Accepted', evaluation: evaluationOf() });
    expect(accepted.revision).toBe(2);
  });

  it('lists by model and by what is unfinished', async () => {
    await store.save(pendingCandidate({}, 'digits-t2-c1'));
    expect((await store.list('digits')).map(({ id }) => id)).toEqual(['digits-t2-c1', 'digits-t1-c1']);
    expect((await store.listUnfinished()).map(({ id }) => id)).toEqual(['digits-t2-c1']);
  });

  it('of two that are refused at the same time exactly one sees that it is the last', async () => {
    const pair: Candidate[] = [];
    for (const n of [1, 2]) pair.push(await store.save(pendingCandidate({ trigger: 'digits-t9' }, `digits-t9-c${n}`)));
    const refuse = (index: number) =>
      test.db.run('test.work', async () => {
        const siblings = await store.ofTriggerExclusively('digits-t9');
        await store.save({ ...pair[index]!, status: { phase: 'Refused', reasons: ['x'], evaluation: null } });
        return siblings.every((other) => other.id === pair[index]!.id || other.status.phase === 'Refused');
      });
    expect((await Promise.all([refuse(0), refuse(1)])).filter(Boolean)).toHaveLength(1);
    await expect(store.ofTriggerExclusively('digits-t9')).rejects.toThrow('unit of work');
  });

  it('has the schema that its entity describes', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
