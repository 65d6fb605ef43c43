import { beforeEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '../kernel/index.js';
import { FakeClock, ImmediateUnitOfWork, RecordingFactBus } from '../kernel/testing/index.js';
import type { Model, QualityProfile } from '../models/index.js';
import {
  FakeChampionHistory,
  FakeModelStore,
  FakeVersionCatalog,
  someDigest,
  someSpec,
} from '../models/testing/index.js';
import { ScoringFailed } from '../serving/index.js';
import { EstimateWatch } from './estimate-watch.js';
import { FindingChanged, type FindingState, type MonitorName, MONITORS } from './domain/finding.js';
import type { RateMonitorState } from './domain/rate-monitor.js';
import { MonitorReconciler } from './monitor.reconciler.js';
import { OutputWatch } from './output-watch.js';
import { RateWatch } from './rate-watch.js';
import { Rescorer } from './rescorer.js';
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
const PROFILE: QualityProfile = {
  accuracy: 0.98,
  labelled: 2_000,
  agreement: 0.99,
  compared: 2_000,
  referenceAccuracy: 0.98,
};
const SETTINGS = { passMs: 1_000, baselineSeconds: 60, windowGraceMs: 1_500, leastShift: 0.05, rescoreDays: 7 };
const T0 = new Date('2026-01-01T00:00:00Z').getTime();

function world() {
  const clock = new FakeClock();
  const unitOfWork = new ImmediateUnitOfWork();
  const facts = new RecordingFactBus(unitOfWork);
  const models = new FakeModelStore();
  const history = new FakeChampionHistory();
  const findings = new FakeFindingStore(facts);
  const detectors = new FakeDetectorStore();
  const rescores = new FakeRescoreLedger();
  const samples = new FakeSampleStore();
  const answers = new FakeAnswerLedger();
  const windows = new FakeWindowStore();
  const versions = new FakeVersionCatalog();
  const wishes = new FakeEvidenceRequests(clock);
  const pairs = new FakeOutputPairStore();
  const encoder = new FakeEncoder();
  const scorer = new FakeScorer((row) => row[0] ?? -1);
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
    unitOfWork,
    clock,
    SETTINGS,
  );
  return {
    clock,
    facts,
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
    scorer,
    reconciler,
  };
}

describe('the monitor reconciler', () => {
  let w: ReturnType<typeof world>;
  let sequence: number;

  beforeEach(async () => {
    w = world();
    sequence = 0;
    const spec = someSpec();
    const monitors = { ...spec.monitors, minimumSamples: 50, rescoreBatch: 200 };
    const model: Model = {
      id: 'digits',
      model: 'digits',
      spec: { ...spec, monitors },
      status: { phase: 'Registered', generation: 1 },
      revision: 0,
      createdAt: new Date(T0),
      updatedAt: new Date(T0),
    };
    await w.models.save(model);
    await promote('p1');
  });

  const promote = (promotion: string, champion = CHAMPION) =>
    w.history.begin({
      model: 'digits',
      champion,
      reference: REFERENCE,
      promotion,
      profile: PROFILE,
      at: w.clock.now(),
    });

  /** Answers one a second: the reference would say `row[0]`, the champion says something else at rate `damage`. */
  function serve(count: number, damage: number, wrong: number, labelled = true): void {
    const random = seededRandom(sequence + 1);
    for (let i = 0; i < count; i += 1) {
      sequence += 1;
      w.clock.advance(1_000);
      const [at, requestId] = [w.clock.now(), `r${sequence}`];
      const reference = sequence % 4;
      const prediction = random() < damage ? (reference + 1) % 4 : reference;
      const label = random() < wrong ? (reference + 2) % 4 : reference;
      const input = Float32Array.from([reference, 0, 0, 0]);
      const common = { sequence, requestId, version: CHAMPION, at, prediction, confidence: 0.97 };
      w.samples.samples.push({ ...common, input, confidence: 1, label: null, weight: 1 });
      if (!labelled) continue;
      w.samples.arrived.set(requestId, label);
      w.answers.answers.push({ ...common, label });
    }
  }

  async function settle(): Promise<void> {
    while (((await w.reconciler.reconcile('digits')).requeueAfterMs ?? 0) < SETTINGS.passMs);
  }
  async function states(): Promise<Partial<Record<MonitorName, FindingState>>> {
    const all = await w.findings.list('digits', CHAMPION);
    return Object.fromEntries(all.map(({ monitor, state }) => [monitor, state]));
  }

  it('knows nothing of a model that is not there, and waits for a champion', async () => {
    expect(await w.reconciler.reconcile('other')).toEqual({});
  });

  it('is undecided before there is traffic and calm when it is as promised', async () => {
    await settle();
    expect(new Set(Object.values(await states()))).toEqual(new Set(['undecided']));
    serve(300, 0.01, 0.02);
    await settle();
    expect(await states()).toMatchObject({ accuracy: 'calm', 'reference-accuracy': 'calm', fidelity: 'calm' });
  });

  it('sees compression damage: fidelity and accuracy alarm, the reference stays calm', async () => {
    serve(300, 0.01, 0.02);
    await settle();
    serve(300, 0.2, 0.02);
    await settle();
    expect(await states()).toMatchObject({ accuracy: 'alarm', 'reference-accuracy': 'calm', fidelity: 'alarm' });
    const fidelity = (await w.findings.list('digits', CHAMPION)).find((finding) => finding.monitor === 'fidelity');
    expect(Math.abs((fidelity?.changeAt?.getTime() ?? 0) - (T0 + 300_000))).toBeLessThan(30_000);
  });

  it('sees a changed world: accuracy and the reference alarm, fidelity stays calm', async () => {
    serve(300, 0.01, 0.02);
    await settle();
    serve(300, 0.01, 0.3);
    await settle();
    expect(await states()).toMatchObject({ accuracy: 'alarm', 'reference-accuracy': 'alarm', fidelity: 'calm' });
  });

  it('feeds labels of re-scored samples when they arrive, each once', async () => {
    serve(200, 0.01, 0.02, false);
    await settle();
    expect(await states()).toMatchObject({ 'reference-accuracy': 'undecided' });
    for (let i = 1; i <= 200; i += 1) {
      w.samples.arrived.set(`r${i}`, i % 4);
      if (i % 50 === 0) await settle();
    }
    await settle();
    await settle();
    const [records] = [...w.detectors.records.values()];
    const record = JSON.parse(records?.get('reference-accuracy') ?? '') as { state: RateMonitorState; cursor: number };
    expect(record.state.detector?.observations).toBe(200);
    expect(record.cursor).toBe(200);
  });

  it('gives the same detectors in one pass or in many', async () => {
    serve(400, 0.05, 0.05);
    await settle();
    const [whole] = [...w.detectors.records.values()].map((records) => [...records]);
    const many = world();
    Object.assign(many, { models: w.models });
    const before = w;
    w = many;
    await w.models.save({ ...(await before.models.require('digits')), revision: 0 });
    Object.assign(w.reconciler, { catalog: { models: before.models, history: before.history } });
    for (let i = 0; i < 400; i += 37) {
      w.samples.samples = before.samples.samples.slice(0, i + 37);
      w.samples.arrived = new Map([...before.samples.arrived].slice(0, i + 37));
      w.answers.answers = before.answers.answers.slice(0, i + 37);
      await settle();
    }
    expect([...w.detectors.records.values()].map((records) => [...records])[0]).toEqual(whole);
  });

  it('publishes a finding only when its state changes, and keeps since when', async () => {
    await settle();
    const first = w.facts.of(FindingChanged).length;
    expect(first).toBe(MONITORS.length);
    w.clock.advance(5_000);
    await settle();
    expect(w.facts.of(FindingChanged)).toHaveLength(first);
    const [finding] = await w.findings.list('digits', CHAMPION);
    expect(finding?.since).toEqual(new Date(T0));
    expect(finding?.observedAt).toEqual(new Date(T0 + 5_000));
  });

  it('begins afresh with the next champion, also when the same version serves again', async () => {
    serve(300, 0.3, 0.02);
    await settle();
    expect(await states()).toMatchObject({ fidelity: 'alarm' });
    await promote('p2', someDigest('b'));
    w.clock.advance(1_000);
    await promote('p3');
    await settle();
    expect(await states()).toMatchObject({ fidelity: 'undecided', accuracy: 'undecided' });
  });

  it('says so when the reference itself serves, and does not score it again', async () => {
    await promote('p2', REFERENCE);
    await settle();
    const findings = await w.findings.list('digits', REFERENCE);
    expect(findings.find((finding) => finding.monitor === 'fidelity')).toMatchObject({
      state: 'undecided',
      explanation: 'The reference itself serves.',
    });
    expect(w.rescores.rows).toHaveLength(0);
  });

  it('is blind, not calm, while the reference cannot score, and the other monitors go on', async () => {
    serve(300, 0.01, 0.02);
    await settle();
    w.scorer.failure = new ScoringFailed('digits', REFERENCE, 'out of memory');
    serve(100, 0.01, 0.4);
    await settle();
    expect(await states()).toMatchObject({ fidelity: 'undecided', accuracy: 'alarm' });
  });

  it('freezes a baseline from the first windows and finds a shift against it', async () => {
    const features = (counts: number[]) => ({ mean: { edges: [0.5], counts } });
    const add = (second: number, counts: number[]) =>
      w.windows.windows.push(
        aWindow(CHAMPION, T0 / 1000 + second, {
          features: features(counts),
          predictions: { 0: counts[0]!, 1: counts[1]! },
        }),
      );
    for (let i = 0; i < 4; i += 1) add(i * 10, [50, 50]);
    w.clock.advance(60_000);
    await settle();
    expect(await states()).toMatchObject({
      'input-drift': 'calm',
      'prediction-drift': 'calm',
      latency: 'calm',
      errors: 'calm',
    });
    add(60, [95, 5]);
    w.clock.advance(15_000);
    await settle();
    expect(await states()).toMatchObject({ 'input-drift': 'alarm', 'prediction-drift': 'alarm' });
  });

  it('takes no baseline while the first values of a feature still wait for their bins', async () => {
    const moments = { mean: { count: 100, mean: 1, m2: 1, min: 0, max: 2 } };
    const add = (second: number, counts: number[] | null) =>
      w.windows.windows.push(
        aWindow(CHAMPION, T0 / 1000 + second, {
          moments,
          features: counts === null ? {} : { mean: { edges: [0.5], counts } },
          predictions: { 0: 50, 1: 50 },
        }),
      );
    for (let i = 0; i < 3; i += 1) add(i * 10, null);
    w.clock.advance(60_000);
    await settle();
    expect(await states()).toMatchObject({ 'input-drift': 'undecided', latency: 'calm' });
    w.windows.windows.length = 0;
    for (let i = 0; i < 4; i += 1) add(i * 10, [50, 50]);
    w.clock.advance(1_000);
    await settle();
    add(60, [50, 50]);
    w.clock.advance(15_000);
    await settle();
    expect(await states()).toMatchObject({ 'input-drift': 'calm' });
  });
});
