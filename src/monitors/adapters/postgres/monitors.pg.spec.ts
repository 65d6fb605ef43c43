import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RecordingFactBus } from '../../../kernel/testing/index.js';
import { someDigest } from '../../../models/testing/index.js';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { newEDetector, observe } from '../../domain/e-detector.js';
import { type Finding, FindingChanged } from '../../domain/finding.js';
import { monitorsPersistence } from '../../persistence.js';
import { PostgresBaselineStore } from './postgres-baseline-store.js';
import { PostgresDetectorStore } from './postgres-detector-store.js';
import { PostgresFindingStore } from './postgres-finding-store.js';
import { PostgresRescoreLedger } from './postgres-rescore-ledger.js';

const since = new Date('2026-01-01T00:00:00.123Z');
const at = (second: number) => new Date(since.getTime() + second * 1000);
const WATCH = { model: 'digits', version: someDigest('a'), reference: someDigest('f'), since };
const LATER = { ...WATCH, since: at(100) };

const FINDING: Finding = {
  model: 'digits',
  version: someDigest('a'),
  monitor: 'fidelity',
  state: 'alarm',
  since,
  observedAt: since,
  evidence: [
    { name: 'score', value: 0.1, samples: 3, newestAt: since, series: 1, warnings: [], query: 're-scored samples' },
  ],
  falseAlarm: 'rarely',
  explanation: 'It differs.',
  changeAt: since,
  level: { value: 0.1, lower: 0.05, upper: 0.2, samples: 100 },
};

describe('the stores of monitors', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase([monitorsPersistence]);
  }, 60_000);
  afterAll(() => test.close());

  it('gives back a finding as it was and tells only of another state', async () => {
    const facts = new RecordingFactBus();
    const store = new PostgresFindingStore(test.db, facts);
    await store.save(FINDING);
    expect(await store.list('digits', someDigest('a'))).toEqual([FINDING]);
    await store.save({ ...FINDING, observedAt: at(1) });
    await store.save({ ...FINDING, state: 'calm', changeAt: null, level: null, observedAt: at(2) });
    expect(facts.of(FindingChanged).map((fact) => fact.state)).toEqual(['alarm', 'calm']);
    expect(await store.list('digits', someDigest('b'))).toEqual([]);
  });

  it('saves several findings together, and tells only of those with another state', async () => {
    const facts = new RecordingFactBus();
    const store = new PostgresFindingStore(test.db, facts);
    const drift = { ...FINDING, model: 'mail', monitor: 'input-drift' } as const;
    const latency = { ...FINDING, model: 'mail', monitor: 'latency', state: 'calm' } as const;
    await store.save();
    await store.save(drift, latency);
    await store.save({ ...drift, observedAt: at(3) }, { ...latency, state: 'alarm', observedAt: at(3) });
    expect(facts.of(FindingChanged).map(({ monitor, state }) => `${monitor} ${state}`)).toEqual([
      ...['input-drift alarm', 'latency calm', 'latency alarm'],
    ]);
    expect((await store.list('mail', FINDING.version)).map(({ monitor, state }) => `${monitor} ${state}`)).toEqual([
      ...['input-drift alarm', 'latency alarm'],
    ]);
  });

  it('keeps a detector bit for bit, by period', async () => {
    const store = new PostgresDetectorStore(test.db);
    const bits = Array.from({ length: 500 }, (_, i) => ({ bad: i % 7 === 0, at: 1_767_225_600_123 + i }));
    const state = observe(newEDetector(0.0123456789, 200_000), bits);
    await store.save(WATCH, 'accuracy', { state, cursor: 9_007_199_254_740_000 });
    expect((await store.load(WATCH)).get('accuracy')).toEqual({ state, cursor: 9_007_199_254_740_000 });
    expect((await store.load(LATER)).size).toBe(0);
  });

  it('forgets a detector whose unit of work failed, so nothing is fed twice or skipped', async () => {
    const store = new PostgresDetectorStore(test.db);
    await store.save(WATCH, 'fidelity', { state: {}, cursor: 1 });
    const pass = test.db.run('test.work', async () => {
      await store.save(WATCH, 'fidelity', { state: {}, cursor: 2 });
      throw new Error('killed');
    });
    await expect(pass).rejects.toThrow('killed');
    expect((await store.load(WATCH)).get('fidelity')?.cursor).toBe(1);
  });

  it('keeps the first baseline', async () => {
    const store = new PostgresBaselineStore(test.db);
    const inputs = { requests: 3, features: { mean: { bins: [0.5], counts: [1, 2] } } };
    const baseline = { inputs, predictions: { requests: 3, features: {} }, until: at(5) };
    expect(await store.find(WATCH)).toBeNull();
    await store.freeze(WATCH, baseline);
    await store.freeze(WATCH, { ...baseline, until: at(9) });
    expect(await store.find(WATCH)).toEqual(baseline);
  });

  it('reads re-scored samples by sample and by label, each once, and counts both sides', async () => {
    const ledger = new PostgresRescoreLedger(test.db);
    const row = (n: number, champion: number, reference: number) => ({
      ...{ requestId: `r${n}`, sequence: n, at: at(n), champion, reference },
    });
    expect(await ledger.newestSequence(WATCH)).toBe(0);
    await ledger.add(WATCH, [row(1, 1, 1), row(2, 1, 2), row(3, 3, 3)]);
    await ledger.add(WATCH, [row(3, 9, 9), row(4, 4, 4)]);
    expect(await ledger.newestSequence(WATCH)).toBe(4);
    expect(await ledger.comparedAfter(WATCH, 2, 10)).toEqual([row(3, 3, 3), row(4, 4, 4)]);
    expect(await ledger.unlabelled(WATCH, at(2), 10)).toEqual(['r4', 'r3', 'r2']);
    await ledger.label(WATCH, new Map([['r2', 2]]));
    await ledger.label(
      WATCH,
      new Map([
        ['r1', 7],
        ['r2', 9],
      ]),
    );
    const labelled = await ledger.labelledAfter(WATCH, 0, 10);
    expect(labelled.map(({ requestId, label }) => [requestId, label])).toEqual([
      ['r2', 2],
      ['r1', 7],
    ]);
    expect(await ledger.labelledAfter(WATCH, labelled[0]?.labelSequence ?? 0, 10)).toHaveLength(1);
    expect(await ledger.tally(WATCH, since)).toEqual({
      ...{ compared: 4, disagreements: 1, labelled: 2, championErrors: 2, referenceErrors: 1 },
    });
    expect(await ledger.tally(LATER, since)).toMatchObject({ compared: 0 });
    await ledger.forget('digits', at(4));
    expect(await ledger.comparedAfter(WATCH, 0, 10)).toEqual([row(4, 4, 4)]);
  });

  it('has the schema that its entities describe', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
