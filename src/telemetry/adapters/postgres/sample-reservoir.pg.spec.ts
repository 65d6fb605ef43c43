import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ArtifactStore } from '../../../models/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { type AdmittedEvent, viewOf } from '../../domain/admit.js';
import { sampleBounds, samplePriority, sampleRowBytes } from '../../domain/sample-policy.js';
import { isHoldout } from '../../domain/stable-hash.js';
import { telemetryPersistence } from '../../persistence.js';
import { aModel, admitted, anEvent, digestOf, FakeModelStore, T0 } from '../../testing/index.js';
import { dropOldSamples } from './cut-samples.js';
import { PostgresSampleStore } from './postgres-sample-store.js';
import { writeSamples } from './write-samples.js';

const A = digestOf('a');
const model = aModel('toy', { sampleRows: 300, sampleSeconds: 800 });
const view = viewOf(model);
let test: TestDatabase;
let samples: PostgresSampleStore;

beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
  // Nothing here makes snapshots that are stored.
  samples = new PostgresSampleStore(test.db, new FakeModelStore([model]), {} as ArtifactStore);
}, 60_000);
afterAll(() => test.close());
beforeEach(() =>
  test.db.query('TRUNCATE telemetry.sample, telemetry.sample_cell, telemetry.feature_profile RESTART IDENTITY'),
);

const write = (events: readonly AdmittedEvent[], chance = 1, of = view): Promise<number> =>
  test.db.run('test.work', () => writeSamples(test.db, of, events, chance));
/** Events of which one in `every` is of the rare class 2; all within one period unless `from` moves on. */
const traffic = (from: number, count: number, every = 50, salt = ''): AdmittedEvent[] =>
  Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const fields = {
      requestId: `${salt}r${n}`,
      prediction: n % every === 0 ? 2 : 0,
      at: new Date(T0.getTime() + n * 10),
    };
    return admitted(anEvent(n, fields));
  });

interface Kept {
  readonly request_id: string;
  readonly stratum: string;
  readonly period: string;
  readonly priority: number;
  readonly uniform: boolean;
  readonly holdout: boolean;
  readonly threshold: number | null;
}
const kept = (): Promise<Kept[]> =>
  test.db.query<Kept>(`SELECT request_id, sample.stratum, sample.period, priority, uniform, holdout, threshold
    FROM telemetry.sample LEFT JOIN telemetry.sample_cell AS cell USING (model, stratum, period) ORDER BY sequence`);
const inReservoir = ({ holdout, priority, threshold }: Kept): boolean => !holdout && priority < (threshold ?? 0);

describe('the sample', () => {
  it('never holds more rows than its bound, nor more bytes', async () => {
    for (let round = 0; round < 12; round += 1) {
      await write(traffic(round * 200, 200));
      expect((await kept()).length).toBeLessThanOrEqual(300);
    }
    const rows = await kept();
    expect(rows.length).toBeGreaterThan(250);
    expect(rows.filter((row) => !row.uniform && !inReservoir(row))).toEqual([]);
    const small = viewOf(aModel('toy', { sampleRows: 300, sampleBytes: 50 * sampleRowBytes(4) }));
    await write(traffic(5000, 400), 1, small);
    expect((await kept()).length).toBeLessThanOrEqual(50);
  });

  it('keeps every row of a rare stratum while common ones give way', async () => {
    for (let round = 0; round < 20; round += 1) await write(traffic(round * 200, 200, 100));
    const rows = await kept();
    const rare = Array.from({ length: 40 }, (_, i) => `r${i * 100}`).filter((id) => !isHoldout(id));
    expect(rows.map((row) => row.request_id)).toEqual(expect.arrayContaining(rare));
    expect(rows.filter(({ stratum }) => stratum === '2/none').every(({ threshold }) => threshold === 1)).toBe(true);
  });

  it('is a reservoir: of each stratum and period exactly the rows of the lowest priorities, all with the same chance', async () => {
    const all = Array.from({ length: 15 }, (_, round) => traffic(round * 300, 300, 7));
    for (const batch of all) await write(batch);
    const rows = await kept();
    const sent = all.flat().map(({ event }) => event);
    for (const [stratum, prediction] of [
      ['0/none', 0],
      ['2/none', 2],
    ] as const) {
      const reservoir = rows.filter((row) => row.stratum === stratum && inReservoir(row));
      const threshold = reservoir[0]!.threshold!;
      const expected = sent
        .filter((event) => event.prediction === prediction && !isHoldout(event.requestId))
        .filter((event) => samplePriority(event.requestId) < threshold);
      expect(threshold).toBeLessThan(1);
      expect(new Set(reservoir.map((row) => row.request_id))).toEqual(
        new Set(expected.map(({ requestId }) => requestId)),
      );
    }
  });

  it('is the same for the same events', async () => {
    const rounds = Array.from({ length: 6 }, (_, round) => traffic(round * 300, 300, 7));
    for (const batch of rounds) await write(batch);
    const first = await kept();
    await test.db.query('TRUNCATE telemetry.sample, telemetry.sample_cell RESTART IDENTITY');
    for (const batch of rounds) await write(batch);
    expect(await kept()).toEqual(first);
  });

  it('counts its cells right after anything', async () => {
    const check = async (): Promise<void> => {
      const rows = await kept();
      const cells = await test.db.query<{ stratum: string; period: string; kept: number }>(
        'SELECT stratum, period, kept FROM telemetry.sample_cell WHERE kept > 0',
      );
      const counted = Object.fromEntries(cells.map((cell) => [`${cell.stratum} ${cell.period}`, cell.kept]));
      const real: Record<string, number> = { '$all 0': rows.length };
      for (const row of rows.filter(inReservoir)) {
        const name = `${row.stratum} ${row.period}`;
        real[name] = (real[name] ?? 0) + 1;
      }
      expect(counted).toEqual(real);
    };
    for (let round = 0; round < 10; round += 1) {
      const events = traffic(round * 200, 200, 9).map((one, i) =>
        admitted({ ...one.event, at: new Date(T0.getTime() + round * 60_000 + i) }),
      );
      await write(events);
      await write(events.slice(0, 20));
      await check();
    }
    const dropped = await test.db.run('test.work', () =>
      dropOldSamples(test.db, view, new Date(T0.getTime() + 1_100_000)),
    );
    expect(dropped).toBeGreaterThan(0);
    await check();
    await write(traffic(90_000, 500, 9));
    await check();
  });

  it('gives monitors only the uniform stream, whose newest rows stay whatever was answered', async () => {
    for (let round = 0; round < 10; round += 1) await write(traffic(round * 200, 200, 50));
    const stream = await samples.after('toy', A, 0, 1000);
    expect(stream.length).toBeGreaterThan(sampleBounds(view).rows * 0.6);
    expect(stream.map(({ requestId }) => requestId)).toEqual(
      Array.from({ length: stream.length }, (_, i) => `r${2000 - stream.length + i}`),
    );
    expect(new Set(stream.map(({ weight }) => weight))).toEqual(new Set([1]));
    const reservoirOnly = (await kept()).filter(({ uniform }) => !uniform).map((row) => row.request_id);
    expect(reservoirOnly.length).toBeGreaterThan(50);
    expect((await samples.inputs('toy', reservoirOnly)).size).toBe(0);
  });

  it('weighs a row of the gate by the gate’s chance', async () => {
    await write(traffic(0, 20), 0.25);
    expect(new Set((await samples.after('toy', A, 0, 100)).map(({ weight }) => weight))).toEqual(new Set([4]));
  });

  it('puts rows far from the reference profile into strata of their own', async () => {
    const edges = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
    await test.db.query(`INSERT INTO telemetry.feature_profile VALUES ('toy', 'mean', $1, '[]')`, [edges]);
    const at = (n: number, mean: number): AdmittedEvent =>
      admitted(anEvent(n, { prediction: 1, features: { mean, std: 1e9 } }));
    await write([at(1, 0.5), at(2, 1.7), at(3, 9)]);
    expect((await kept()).map(({ stratum }) => stratum)).toEqual(['1/in', '1/edge', '1/out']);
  });

  it('keeps nothing when the model wants no samples, and forgets what it had', async () => {
    await write(traffic(0, 20));
    const off = viewOf(aModel('toy', { sampling: false }));
    expect(await write(traffic(20, 20), 1, off)).toBe(0);
    expect(await test.db.run('test.work', () => dropOldSamples(test.db, off, T0))).toBe(20);
    expect(await kept()).toEqual([]);
  });
});

describe('an estimate from the weighted sample', () => {
  /**
   * The traffic has 4 % of a class that is wrong half of the time, the others in 5 %: what a sample that prefers rare
   * classes gets wrong. Each repetition has other request ids, so other priorities.
   */
  it('is unbiased where the plain share is not', async () => {
    const larger = viewOf(aModel('toy', { sampleRows: 1200, sampleSeconds: 800 }));
    const wrong = (n: number): boolean => (n % 25 === 0 ? n % 50 === 0 : n % 20 === 7);
    const total = 3000;
    const truth = Array.from({ length: total }, (_, n) => n).filter(wrong).length;
    const weighted: number[] = [];
    const plain: number[] = [];
    for (let repetition = 0; repetition < 25; repetition += 1) {
      await test.db.query('TRUNCATE telemetry.sample, telemetry.sample_cell');
      for (let from = 0; from < total; from += 500) await write(traffic(from, 500, 25, `${repetition}/`), 1, larger);
      const rows = await test.db.query<{ n: number; weight: number; prefix: string }>(
        `SELECT split_part(request_id, 'r', 2)::integer AS n,
           1 / least(chance, CASE WHEN uniform THEN 1 ELSE threshold END) AS weight
         FROM telemetry.sample JOIN telemetry.sample_cell AS cell USING (model, stratum, period) WHERE NOT holdout`,
      );
      // Held-out rows are a fifth by a hash of their own; what is left stands for four fifths of the traffic.
      const ofTraffic = Array.from({ length: total }, (_, n) => n).filter((n) => !isHoldout(`${repetition}/r${n}`));
      const share = ofTraffic.filter(wrong).length;
      const estimate = rows.reduce((sum, { n, weight }) => sum + (wrong(n) ? weight : 0), 0);
      weighted.push(estimate / share);
      plain.push((rows.filter(({ n }) => wrong(n)).length / rows.length / truth) * total);
    }
    const { mean, error } = meanOf(weighted);
    expect(Math.abs(mean - 1)).toBeLessThan(3 * error);
    expect(error).toBeLessThan(0.05);
    expect(meanOf(plain).mean).toBeGreaterThan(1.3);
  }, 120_000);
});

function meanOf(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}
