import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Digest } from '../../../kernel/index.js';
import { FakeClock, RecordingFactBus } from '../../../kernel/testing/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { ChampionChanged, VersionRegistered } from '../../domain/facts.js';
import type { QualityProfile, Version } from '../../domain/version.js';
import { modelsPersistence } from '../../persistence.js';
import { PostgresChampionHistory } from './champion-history.js';
import { PostgresChangeLock } from './change-lock.js';
import { PostgresVersionCatalog } from './version-catalog.js';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const profile: QualityProfile = {
  accuracy: 0.99,
  labelled: 100,
  agreement: null,
  compared: 0,
  referenceAccuracy: 0.99,
};

describe('the stores of models', () => {
  let test: TestDatabase;
  let facts: RecordingFactBus;
  const clock = new FakeClock();

  beforeAll(async () => {
    test = await openTestDatabase([modelsPersistence]);
  });
  afterAll(() => test.close());
  beforeEach(() => {
    facts = new RecordingFactBus();
  });

  it('register a version once, whoever registers it again', async () => {
    const catalog = new PostgresVersionCatalog(test.db, facts);
    const version: Version = {
      digest: digest('a'),
      model: 'digits',
      kind: 'compressed',
      parent: digest('f'),
      reference: digest('f'),
      recipe: 'quantize-static',
      snapshot: null,
      job: 'digits-t1-job',
      sizeBytes: 3_000_000_000,
      createdAt: new Date('2026-01-01T00:00:00Z'),
    };
    await catalog.register(version);
    await catalog.register({ ...version, job: 'another' });
    expect(await catalog.find('digits', digest('a'))).toEqual(version);
    expect(await catalog.find('letters', digest('a'))).toBeNull();
    await catalog.register({ ...version, digest: digest('b'), createdAt: new Date('2026-01-02T00:00:00Z') });
    expect((await catalog.list('digits')).map((each) => each.digest)).toEqual([digest('b'), digest('a')]);
    expect(facts.of(VersionRegistered)).toHaveLength(2);
  });

  it('keep a champion history without gap or overlap', async () => {
    const history = new PostgresChampionHistory(test.db, facts);
    const begin = (champion: Digest, promotion: string | null, at: string) =>
      history.begin({ model: 'digits', champion, reference: digest('f'), promotion, profile, at: new Date(at) });
    expect(await history.current('digits')).toBeNull();
    await begin(digest('f'), null, '2026-01-01T00:00:00Z');
    await begin(digest('f'), null, '2026-01-01T01:00:00Z');
    await begin(digest('a'), 'p1', '2026-01-02T00:00:00Z');
    await begin(digest('a'), 'p1', '2026-01-03T00:00:00Z');
    // The clock went back.
    await begin(digest('b'), 'p2', '2026-01-01T12:00:00Z');

    const periods = await history.list('digits');
    expect(periods.map((period) => period.promotion)).toEqual(['p2', 'p1', null]);
    for (const [index, period] of periods.entries()) expect(period.until).toEqual(periods[index - 1]?.from ?? null);
    expect((await history.current('digits'))?.champion).toBe(digest('b'));
    expect(await history.servingAt('digits', new Date('2025-12-31T00:00:00Z'))).toBeNull();
    expect((await history.servingAt('digits', new Date('2026-01-01T23:59:59Z')))?.champion).toBe(digest('f'));
    expect((await history.servingAt('digits', new Date('2026-01-02T00:00:00Z')))?.champion).toBe(digest('b'));
    expect(facts.of(ChampionChanged).map((fact) => fact.promotion)).toEqual([null, 'p1', 'p2']);
  });

  it('begin a period once when two promotions of the same name race', async () => {
    const history = new PostgresChampionHistory(test.db, facts);
    const period = { model: 'race', champion: digest('a'), reference: digest('f'), profile, at: new Date(0) };
    await Promise.all([1, 2, 3].map(() => history.begin({ ...period, promotion: 'same' })));
    expect(await history.list('race')).toHaveLength(1);
  });

  it('give the change lock to one holder at a time', async () => {
    const lock = new PostgresChangeLock(test.db, clock);
    const holders = ['t1', 't2', 't3', 't4'];
    const got = await Promise.all(holders.map((holder) => lock.acquire('digits', holder)));
    expect(got.filter(Boolean)).toHaveLength(1);
    const winner = holders[got.indexOf(true)] as string;
    const loser = holders[got.indexOf(false)] as string;
    expect(await lock.acquire('digits', winner)).toBe(true);
    await lock.release('digits', loser);
    expect(await lock.holder('digits')).toBe(winner);
    await lock.release('digits', winner);
    expect(await lock.holder('digits')).toBeNull();
    expect(await lock.acquire('digits', loser)).toBe(true);
  });
});
