import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../../../kernel/testing/index.js';
import { someDigest, someSpec } from '../../../models/testing/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { CONFIDENCE_BINS } from '../../domain/calibrator.js';
import {
  type EstimatedAccuracyState,
  learnCalibration,
  NEW_ESTIMATED_ACCURACY,
  observeConfidence,
} from '../../domain/estimated-accuracy.js';
import { LONGEST_WISH_MS, MOST_WISHED_SAMPLES } from '../../domain/evidence-wish.js';
import { type MeanMonitorState, NEW_MEAN_MONITOR, observeMean } from '../../domain/mean-monitor.js';
import { NEW_OPERATIONS, observeOperations, type OperationsState, settleOperations } from '../../domain/operations.js';
import { monitorsPersistence } from '../../persistence.js';
import { aWindow } from '../../testing/index.js';
import { PostgresDetectorStore } from './postgres-detector-store.js';
import { PostgresEvidenceRequests } from './postgres-evidence-requests.js';

const SINCE = new Date('2026-01-01T00:00:00.123Z');
const WATCH = { model: 'm', version: someDigest('a'), reference: someDigest('f'), since: SINCE };
const SPEC = someSpec();
const POLICY = {
  ...SPEC.monitors,
  minimumSamples: 20,
  falseAlarmEvery: 1_000,
  burnRates: [{ longSeconds: 600, shortSeconds: 60, factor: 2 }],
  cost: { perHour: 1, currency: 'EUR' },
};

/** Numbers that JSON and jsonb find hard: tiny, huge, and with all their digits. */
const number = fc.oneof(
  fc.double({ min: 0, max: 1e300, noNaN: true }),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, 5e-324, 1e-300, 0.1 + 0.2, 1 / 3, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER),
);

describe('states of detectors in the real database', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase([monitorsPersistence]);
  }, 60_000);
  afterAll(() => test.close());

  /** The state after the first part, as it comes back from the database. */
  async function kept<State>(state: State): Promise<State> {
    const store = new PostgresDetectorStore(test.db);
    await store.save(WATCH, 'any', { state, cursor: 7 });
    return (await store.load(WATCH)).get('any')?.state as State;
  }

  it('a mean monitor goes on bit for bit where a restart cut it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(number, { maxLength: 120 }), fc.nat(120), async (values, cut) => {
        const batch = values.map((value, i) => ({ value, magnitude: value, at: i }));
        const whole = observeMean(NEW_MEAN_MONITOR, batch, POLICY);
        const back = await kept<MeanMonitorState>(observeMean(NEW_MEAN_MONITOR, batch.slice(0, cut), POLICY));
        expect(observeMean(back, batch.slice(cut), POLICY)).toEqual(whole);
        expect(await kept(whole)).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  it('so does the estimate of accuracy', async () => {
    const confidence = fc.double({ min: 0, max: 1, noNaN: true });
    const answers = fc.array(fc.record({ confidence, right: fc.boolean() }), { maxLength: 120 });
    const windows = fc.array(fc.array(fc.nat(1_000), { minLength: CONFIDENCE_BINS, maxLength: CONFIDENCE_BINS }), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(answers, windows, fc.nat(12), async (labelled, histograms, cut) => {
        const learned = learnCalibration(NEW_ESTIMATED_ACCURACY, labelled, null, POLICY);
        const feed = (state: EstimatedAccuracyState, some: typeof histograms) =>
          some.reduce((so, counts, at) => observeConfidence(so, { confidence: counts, answered: 10, at }), state);
        const parts = [histograms.slice(0, cut), histograms.slice(cut)] as const;
        const whole = feed(feed(learned, parts[0]), parts[1]);
        expect(feed(await kept(feed(learned, parts[0])), parts[1])).toEqual(whole);
        expect(await kept(whole)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it('so do burn rates, coverage and cost', async () => {
    const document = { objectives: { ...SPEC.objectives, maxErrorRatio: 0 }, monitors: POLICY };
    const window = fc.record({
      requests: fc.nat(40),
      errors: fc.nat(3),
      served: fc.option(fc.nat(60)),
      latencyMs: fc.double({ min: 0.01, max: 5_000, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(window, { maxLength: 25 }), fc.nat(25), async (given, cut) => {
        const windows = given.map((one, i) => aWindow(someDigest('a'), SINCE.getTime() / 1000 + i * 97, one));
        const feed = (state: OperationsState, some: typeof windows) =>
          some.reduce(
            (so, each) => settleOperations(observeOperations(so, each, document, SINCE), each.start, SINCE),
            state,
          );
        const whole = feed(NEW_OPERATIONS, windows);
        expect(feed(await kept(feed(NEW_OPERATIONS, windows.slice(0, cut))), windows.slice(cut))).toEqual(whole);
        expect(await kept(whole)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });
});

describe('wishes for evidence', () => {
  let test: TestDatabase;
  const clock = new FakeClock(SINCE);
  beforeAll(async () => {
    test = await openTestDatabase([monitorsPersistence]);
  }, 60_000);
  afterAll(() => test.close());
  const inSeconds = (seconds: number) => new Date(clock.now().getTime() + seconds * 1_000);

  it('are one a model, never lowered by a later one, bounded, and void after their time', async () => {
    const wishes = new PostgresEvidenceRequests(test.db, clock);
    expect(await wishes.current('m')).toBeNull();
    await wishes.request('m', { samples: 500, reason: 'unclear', until: inSeconds(60) });
    await wishes.request('m', { samples: 100, reason: 'still unclear', until: inSeconds(30) });
    expect(await wishes.current('m')).toEqual({ samples: 500, reason: 'still unclear', until: inSeconds(60) });
    expect(await wishes.current('other')).toBeNull();
    clock.advance(60_000);
    expect(await wishes.current('m')).toBeNull();
    await wishes.request('m', { samples: 20, reason: 'again', until: inSeconds(10) });
    expect(await wishes.current('m')).toEqual({ samples: 20, reason: 'again', until: inSeconds(10) });
    await wishes.request('m', { samples: 1e9, reason: 'all of it', until: inSeconds(1e9) });
    expect(await wishes.current('m')).toMatchObject({
      samples: MOST_WISHED_SAMPLES,
      until: inSeconds(LONGEST_WISH_MS / 1_000),
    });
    await expect(wishes.request('m', { samples: 0, reason: '', until: inSeconds(1) })).rejects.toThrow(RangeError);
  });
});
