import { beforeEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '../kernel/index.js';
import { FakeClock, ImmediateUnitOfWork } from '../kernel/testing/index.js';
import type { ModelSpec, Task } from '../models/index.js';
import {
  FakeChampionHistory,
  FakeModelStore,
  FakeVersionCatalog,
  someDigest,
  someSpec,
  someVersion,
} from '../models/testing/index.js';
import { registry } from '../platform/observability/index.js';
import type { Output, Window } from '../telemetry/index.js';
import { confidenceBin, CONFIDENCE_BINS } from './domain/calibrator.js';
import { EstimateWatch } from './estimate-watch.js';
import { type FindingState, type MonitorName, MONITORS } from './domain/finding.js';
import { MonitorReconciler } from './monitor.reconciler.js';
import { OutputWatch } from './output-watch.js';
import { RateWatch } from './rate-watch.js';
import { Rescorer } from './rescorer.js';
import { monitorsSettings } from './settings.js';
import {
  aWindow,
  FakeAnswerLedger,
  FakeBaselineStore,
  FakeDetectorStore,
  FakeEncoder,
  FakeEvidenceRequests,
  FakeFindingStore,
  FakeOutputPairStore,
  FakeRescoreLedger,
  FakeSampleStore,
  FakeScorer,
  FakeWindowStore,
} from './testing/index.js';
import { WindowWatch } from './window-watch.js';

const CHAMPION = someDigest('a');
const REFERENCE = someDigest('f');
const SETTINGS = monitorsSettings.schema.parse({});
const T0 = new Date('2026-01-01T00:00:00Z').getTime();

function world() {
  const clock = new FakeClock();
  const models = new FakeModelStore();
  const history = new FakeChampionHistory();
  const findings = new FakeFindingStore();
  const detectors = new FakeDetectorStore();
  const rescores = new FakeRescoreLedger();
  const samples = new FakeSampleStore();
  const answers = new FakeAnswerLedger();
  const windows = new FakeWindowStore();
  const versions = new FakeVersionCatalog();
  const wishes = new FakeEvidenceRequests(clock);
  const pairs = new FakeOutputPairStore();
  const encoder = new FakeEncoder();
  const scored: number[] = [];
  const scorer = new FakeScorer((row) => row[0] ?? -1);
  const score = scorer.score.bind(scorer);
  scorer.score = (model, digest, inputs, rows) => {
    scored.push(rows);
    return score(model, digest, inputs, rows);
  };
  const reconciler = new MonitorReconciler(
    { models, history },
    { findings, detectors, rescores, wishes },
    {
      rescorer: new Rescorer(samples, scorer, rescores),
      rates: new RateWatch(answers, rescores, detectors),
      windows: new WindowWatch(windows, new FakeBaselineStore(), detectors, versions, SETTINGS),
      estimates: new EstimateWatch(answers, detectors),
      outputs: new OutputWatch(answers, rescores, pairs, encoder, detectors),
    },
    new ImmediateUnitOfWork(),
    clock,
    SETTINGS,
  );
  return {
    clock,
    models,
    history,
    findings,
    detectors,
    rescores,
    samples,
    answers,
    windows,
    versions,
    wishes,
    pairs,
    encoder,
    scored,
    reconciler,
  };
}

describe('what the monitors say of every kind of model', () => {
  let w: ReturnType<typeof world>;
  let sequence: number;

  beforeEach(() => {
    w = world();
    sequence = 0;
  });

  async function serve(
    task: Task,
    monitors: Partial<ModelSpec['monitors']> = {},
    objectives: Partial<ModelSpec['objectives']> = {},
  ) {
    const base = someSpec({ task });
    const spec = {
      ...base,
      objectives: { ...base.objectives, ...objectives },
      telemetry: { ...base.telemetry, windowSeconds: 10 },
      monitors: { ...base.monitors, minimumSamples: 100, rescoreBatch: 50, ...monitors },
    };
    await w.models.save({
      ...{ id: 'm', model: 'm', spec, status: { phase: 'Registered', generation: 1 }, revision: 0 },
      ...{ createdAt: new Date(T0), updatedAt: new Date(T0) },
    });
    await promote('p1');
  }

  const promote = (promotion: string, champion = CHAMPION, accuracy: number | null = 0.95) =>
    w.history.begin({
      ...{ model: 'm', champion, reference: REFERENCE, promotion, at: w.clock.now() },
      profile: { accuracy, labelled: 2_000, agreement: null, compared: 0, referenceAccuracy: null },
    });

  async function settle(): Promise<void> {
    for (let i = 0; i < 50 && ((await w.reconciler.reconcile('m')).requeueAfterMs ?? 0) < SETTINGS.passMs; i += 1);
  }
  async function state(monitor: MonitorName): Promise<{ state: FindingState; explanation: string } | undefined> {
    const { champion } = (await w.history.current('m'))!;
    return (await w.findings.list('m', champion)).find((finding) => finding.monitor === monitor);
  }
  const later = (seconds: number): void => w.clock.advance(seconds * 1_000);

  /** Numbers one a second; the champion is off by a normal error of this size, and labelled. */
  function answerNumbers(count: number, error: number, damage: number): void {
    const random = seededRandom(sequence + 1);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    for (let i = 0; i < count; i += 1) {
      sequence += 1;
      later(1);
      const at = w.clock.now();
      const reference = 50 + 10 * normal();
      const prediction = reference + damage * normal();
      const common = { sequence, requestId: `r${sequence}`, version: CHAMPION, at, prediction, confidence: null };
      w.samples.samples.push({ ...common, input: Float32Array.of(reference, 0, 0, 0), label: null, weight: 1 });
      w.answers.answers.push({ ...common, label: reference + error * normal() });
    }
  }

  function answerPairs(count: number, make: (random: () => number) => { output: Output; shadow: Output }): void {
    const random = seededRandom(sequence + 1);
    for (let i = 0; i < count; i += 1) {
      sequence += 1;
      later(1);
      w.pairs.kept.push({ sequence, requestId: `r${sequence}`, at: w.clock.now(), ...make(random) });
    }
    later(15);
  }

  /** Windows of ten seconds with 100 answers; `hard` is the share that the version is unsure of. */
  function addWindows(count: number, hard: number, changes: Partial<Window> = {}): void {
    for (let i = 0; i < count; i += 1) {
      const confidence = new Array<number>(CONFIDENCE_BINS).fill(0);
      confidence[19] = Math.round(100 * (1 - hard));
      confidence[confidenceBin(0.55)] = Math.round(100 * hard);
      w.windows.windows.push(
        aWindow(CHAMPION, Math.floor(w.clock.now().getTime() / 10_000) * 10, { confidence, ...changes }),
      );
      later(10);
    }
    later(6);
  }

  function labelAnswers(count: number): void {
    const random = seededRandom(sequence + 7);
    for (let i = 0; i < count; i += 1) {
      sequence += 1;
      const confidence = random() < 0.9 ? 0.97 : 0.55;
      const right = random() < confidence;
      w.answers.answers.push({
        ...{ sequence, requestId: `l${sequence}`, version: CHAMPION, at: w.clock.now(), confidence },
        ...{ prediction: 1, label: right ? 1 : 0 },
      });
    }
  }

  it.each<Task>([
    { kind: 'classification', classes: 2 },
    { kind: 'regression' },
    { kind: 'series', steps: 3 },
    { kind: 'text' },
  ])('every monitor says something of %p, and undecided needs a reason', async (task) => {
    await serve(task);
    await settle();
    for (const monitor of MONITORS) {
      const finding = await state(monitor);
      expect(finding?.state).toBe('undecided');
      expect(finding?.explanation).toMatch(/^[A-Z0-9].*\.$/);
    }
  });

  it('estimates the accuracy of a classifier, and sees it fall before a label of the change arrives', async () => {
    await serve({ kind: 'classification', classes: 2 }, { minimumSamples: 200 });
    labelAnswers(600);
    addWindows(10, 0.1);
    await settle();
    expect(await state('estimated-accuracy')).toMatchObject({ state: 'calm' });
    addWindows(10, 0.6);
    await settle();
    expect(await state('estimated-accuracy')).toMatchObject({ state: 'alarm' });
    expect(await state('accuracy')).toMatchObject({ state: 'calm' });
  });

  it('calibrates each version by its own labels', async () => {
    await serve({ kind: 'classification', classes: 2 });
    labelAnswers(300);
    await settle();
    await promote('p2', someDigest('b'));
    await settle();
    expect((await state('estimated-accuracy'))?.explanation).toContain('Only 0 labelled answers');
  });

  it('tells a worse world from a damaged number: mean error and distance', async () => {
    await serve({ kind: 'regression' });
    answerNumbers(600, 2, 0.2);
    await settle();
    expect(await state('mean-error')).toMatchObject({ state: 'calm' });
    expect(await state('output-distance')).toMatchObject({ state: 'calm' });
    expect((await state('fidelity'))?.explanation).toContain('only defined for classification');
    answerNumbers(300, 2, 2);
    await settle();
    expect(await state('output-distance')).toMatchObject({ state: 'alarm' });
    answerNumbers(300, 8, 0.2);
    await settle();
    expect(await state('mean-error')).toMatchObject({ state: 'alarm' });
  });

  it('watches series by their warping distance', async () => {
    await serve({ kind: 'series', steps: 8 });
    const near = (random: () => number, off: number) => {
      const shadow = Array.from({ length: 8 }, () => random() * 10);
      return { shadow, output: shadow.map((value) => value + off * random()) };
    };
    answerPairs(300, (random) => near(random, 0.5));
    await settle();
    expect(await state('output-distance')).toMatchObject({ state: 'calm' });
    answerPairs(200, (random) => near(random, 5));
    await settle();
    expect(await state('output-distance')).toMatchObject({ state: 'alarm' });
  });

  it('watches texts by BERTScore, waits when the encoder fails, and says how to configure one', async () => {
    await serve({ kind: 'text' });
    const word = (random: () => number) =>
      Array.from({ length: 6 }, () => 'abcdefghijklmnop'[Math.floor(random() * 16)]).join('');
    const alike = (random: () => number) => {
      const shadow = word(random);
      return { shadow, output: random() < 0.2 ? `${shadow}q` : shadow };
    };
    w.encoder.unavailable = 'no text encoder is configured; set …';
    answerPairs(300, alike);
    await settle();
    expect(await state('output-distance')).toMatchObject({ state: 'undecided' });
    expect((await state('output-distance'))?.explanation).toContain('no text encoder is configured; set');
    w.encoder.unavailable = null;
    w.encoder.failure = 'out of memory';
    await settle();
    expect((await state('output-distance'))?.explanation).toContain('out of memory');
    w.encoder.failure = null;
    await settle();
    expect(await state('output-distance')).toMatchObject({ state: 'calm' });
    answerPairs(200, (random) => ({ shadow: word(random), output: word(random) }));
    await settle();
    expect(await state('output-distance')).toMatchObject({ state: 'alarm' });
  });

  it('takes each pair once, in one pass or in many', async () => {
    const run = async (step: number): Promise<string | undefined> => {
      w = world();
      sequence = 0;
      await serve({ kind: 'series', steps: 2 });
      const all: typeof w.pairs.kept = [];
      answerPairs(200, (random) => ({ output: [random(), random()], shadow: [random(), random()] }));
      all.push(...w.pairs.kept);
      for (let count = step; count < all.length + step; count += step) {
        w.pairs.kept = all.slice(0, count);
        await settle();
      }
      return [...w.detectors.records.values()][0]?.get('output-distance');
    };
    expect(await run(37)).toBe(await run(200));
  });

  it('judges a window when what was logged and served of it has had time to come, and once', async () => {
    await serve({ kind: 'classification', classes: 2 });
    w.windows.windows = [aWindow(CHAMPION, T0 / 1000, { requests: 50, served: 100 })];
    // The gateway tells every 2 s; until that is written and read half a second more passes.
    later(10 + 2.5);
    await settle();
    expect((await state('coverage'))?.state).toBe('undecided');
    w.windows.windows = [aWindow(CHAMPION, T0 / 1000, { requests: 100, served: 100 })];
    later(2.5);
    await settle();
    expect((await state('coverage'))?.state).toBe('calm');
    w.windows.windows = [aWindow(CHAMPION, T0 / 1000, { requests: 100, served: 1_000 })];
    later(60);
    await settle();
    expect((await state('coverage'))?.state).toBe('calm');
  });

  it('is undecided below the coverage floor, feeds nothing from there, and goes on afterwards', async () => {
    await serve({ kind: 'classification', classes: 2 }, { minimumSamples: 200 });
    labelAnswers(400);
    addWindows(10, 0.1, { served: 100 });
    labelAnswers(400);
    addWindows(10, 0.1, { served: 100 });
    await settle();
    expect(await state('accuracy')).toMatchObject({ state: 'calm' });
    expect(await state('estimated-accuracy')).toMatchObject({ state: 'calm' });
    const fed = () => [...w.detectors.records.values()][0]?.get('accuracy');
    const before = JSON.parse(fed() ?? '') as { state: unknown };
    labelAnswers(50);
    addWindows(5, 0.9, { served: 1_000 });
    await settle();
    for (const monitor of ['accuracy', 'estimated-accuracy', 'latency', 'errors'] as const)
      expect(await state(monitor)).toMatchObject({ state: 'undecided' });
    expect((await state('accuracy'))?.explanation).toContain('were logged');
    expect((JSON.parse(fed() ?? '') as { state: unknown }).state).toEqual(before.state);
    addWindows(12, 0.1, { served: 100 });
    await settle();
    expect(await state('coverage')).toMatchObject({ state: 'calm' });
    expect(await state('estimated-accuracy')).toMatchObject({ state: 'calm' });
  });

  it('re-scores as many samples a pass as somebody wishes, until the wish is void', async () => {
    await serve({ kind: 'regression' });
    answerNumbers(300, 1, 1);
    await w.wishes.request('m', {
      samples: 120,
      reason: 'The cause is unclear.',
      until: new Date(w.clock.now().getTime() + 60_000),
    });
    await w.reconciler.reconcile('m');
    expect(w.scored).toEqual([120]);
    later(61);
    await w.reconciler.reconcile('m');
    expect(w.scored).toEqual([120, 50]);
  });

  it('shows every score beside its threshold and takes away what is not stated any more', async () => {
    await serve(
      { kind: 'classification', classes: 2 },
      { minimumSamples: 200, burnRates: [{ longSeconds: 60, shortSeconds: 20, factor: 2 }] },
    );
    w.versions.versions.push(
      someVersion({ model: 'm', digest: CHAMPION, sizeBytes: 250 }),
      someVersion({ model: 'm', digest: REFERENCE, sizeBytes: 1_000 }),
    );
    labelAnswers(600);
    addWindows(10, 0.1, { served: 100 });
    await settle();
    const series = async (name: string) =>
      (await registry.getSingleMetricAsString(name)).split('\n').filter((line) => line.includes('model="m"'));
    const scores = (await series('ratchet_monitors_score')).join('\n');
    for (const [monitor, rule] of [
      ['latency', 'p95-seconds'],
      ['latency', 'burn-60s-20s'],
      ['errors', 'block-test'],
      ['coverage', 'missing'],
      ['estimated-accuracy', 'e-detector'],
      ['accuracy', 'score'],
    ])
      expect(scores).toContain(`monitor="${monitor}",name="${rule}"`);
    expect(await series('ratchet_monitors_threshold')).toHaveLength((await series('ratchet_monitors_score')).length);
    expect((await series('ratchet_monitors_evidence_value')).join('\n')).toContain('evidence="size_ratio"} 0.25');
    await promote('p2', someDigest('b'));
    await settle();
    expect(await series('ratchet_monitors_score')).toEqual([
      'ratchet_monitors_score{model="m",monitor="accuracy",name="score"} 0',
    ]);
    expect(await series('ratchet_monitors_finding_state')).toHaveLength(3 * MONITORS.length);
    w.models = Object.assign(w.models, { find: () => Promise.resolve(null) });
    await w.reconciler.reconcile('m');
    expect(await series('ratchet_monitors_finding_state')).toEqual([]);
  });
});
