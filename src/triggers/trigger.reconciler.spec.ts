import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock, ImmediateUnitOfWork, RecordingAuditLog, RecordingFactBus } from '../kernel/testing/index.js';
import { FakeChampionHistory, FakeChangeLock, FakeModelStore, someSpec } from '../models/testing/index.js';
import { type FindingState, MONITORS } from '../monitors/index.js';
import {
  FakeEvidenceRequests,
  FakeFindingStore,
  FakeRescoreLedger,
  FakeSampleStore,
} from '../monitors/testing/index.js';
import { ModelIsChanging, NothingServes, TriggerStillOpen } from './domain/errors.js';
import { nameOfRemedy, REMEDIES } from './domain/remedy.js';
import { TRIGGER_OUTCOMES, TriggerOpened, TriggerResolved } from './domain/trigger.js';
import { SituationReader } from './situation-reader.js';
import type { OpenChange } from './domain/obstacles.js';
import { RegisteredChanges } from './open-changes.js';
import { RemedyBook } from './remedy-book.js';
import {
  aFinding,
  aTrigger,
  CHAMPION,
  FakeOutcomeHistory,
  FakeTriggerLedger,
  FakeTriggerStore,
  REFERENCE,
} from './testing/index.js';
import { StandingReader } from './trigger-standing.js';
import { TriggerDesk } from './trigger-desk.js';
import { TriggerEndings } from './trigger-endings.js';
import { TriggerReconciler } from './trigger.reconciler.js';

const ANNA = { name: 'anna', role: 'operator' } as const;

async function world(champion = CHAMPION) {
  const clock = new FakeClock();
  const unitOfWork = new ImmediateUnitOfWork();
  const facts = new RecordingFactBus(unitOfWork);
  const audit = new RecordingAuditLog();
  const models = new FakeModelStore();
  const history = new FakeChampionHistory();
  const lock = new FakeChangeLock();
  const findings = new FakeFindingStore();
  const rescores = new FakeRescoreLedger();
  const samples = new FakeSampleStore();
  const triggers = new FakeTriggerStore();
  const ledger = new FakeTriggerLedger();
  const desk = new TriggerDesk({ triggers, ledger, history, lock, unitOfWork, facts, audit, clock });
  const endings = new TriggerEndings({ triggers, ledger, unitOfWork, facts, audit, clock });
  const evidence = new FakeEvidenceRequests(clock);
  const changes = new RegisteredChanges();
  const book = new RemedyBook(new FakeOutcomeHistory(triggers, ledger), clock);
  const situations = new SituationReader({
    ...{ findings, rescores, evidence, samples, lock, changes, triggers, ledger, book },
  });
  const ports = { models, history, triggers, evidence, unitOfWork, clock };
  const reconciler = new TriggerReconciler(ports, situations, book, desk, { passMs: 1_000 });
  const standing = new StandingReader({ triggers, ledger, lock, changes, clock });
  const spec = someSpec();
  await models.save({
    id: 'digits',
    model: 'digits',
    spec: { ...spec, triggers: { ...spec.triggers, minimumSamples: 10, minimumLabelled: 10 } },
    status: { phase: 'Registered', generation: 1 },
    revision: 0,
    createdAt: clock.now(),
    updatedAt: clock.now(),
  });
  const profile = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };
  await history.begin({ model: 'digits', champion, reference: REFERENCE, promotion: null, profile, at: clock.now() });
  const add = (count: number) => {
    for (let i = 0; i < count; i += 1) {
      const sequence = samples.samples.length + 1;
      samples.samples.push({
        ...{ sequence, requestId: `r${sequence}`, version: champion, at: clock.now(), input: new Float32Array(1) },
        ...{ prediction: 0, confidence: 1, label: null, weight: 1 },
      });
      samples.arrived.set(`r${sequence}`, 0);
    }
  };
  return {
    clock,
    facts,
    audit,
    models,
    history,
    lock,
    findings,
    rescores,
    samples,
    triggers,
    ledger,
    desk,
    endings,
    reconciler,
    evidence,
    changes,
    book,
    standing,
    add,
  };
}

describe('the trigger reconciler', () => {
  let w: Awaited<ReturnType<typeof world>>;
  beforeEach(async () => {
    w = await world();
  });
  const pass = () => w.reconciler.reconcile('digits');

  it('does nothing for a model that is not there', async () => {
    expect(await w.reconciler.reconcile('other')).toEqual({});
  });

  it('opens one trigger for a slow champion, tells of it and audits it, and keeps to one', async () => {
    w.add(20);
    await w.findings.save(aFinding('latency', 'alarm', { observedAt: w.clock.now() }));
    expect(await pass()).toEqual({ requeueAfterMs: 1_000 });
    await pass();
    await pass();
    expect([...w.triggers.triggers.keys()]).toEqual(['digits-t1']);
    expect(w.facts.of(TriggerOpened)).toEqual([{ trigger: 'digits-t1', model: 'digits' }]);
    expect(w.audit.entries).toEqual([expect.objectContaining({ actor: 'system:triggers', action: 'triggers.open' })]);
    expect(w.triggers.recorded.map(({ action, trigger }) => [action, trigger])).toEqual([
      ['wait', 'digits-t1'],
      ['open', 'digits-t1'],
    ]);
  });

  it('compresses a reference that serves as soon as there are samples', async () => {
    w = await world(REFERENCE);
    w.add(9);
    await pass();
    expect(w.triggers.triggers.size).toBe(0);
    w.add(1);
    await pass();
    expect((await w.triggers.require('digits-t1')).spec).toMatchObject({
      cause: 'no-compressed-champion',
      remedy: { recipe: 'quantize-static', rung: 0 },
      freshSince: null,
    });
  });

  it('waits for labels on the changed traffic before it blames the compression', async () => {
    const changeAt = w.clock.now();
    w.add(400);
    const watch = { model: 'digits', version: CHAMPION, reference: REFERENCE, since: changeAt };
    const row = (n: number) => ({
      requestId: `r${n}`,
      sequence: n,
      at: changeAt,
      champion: n % 5 === 0 ? 1 : 0,
      reference: 0,
    });
    await w.rescores.add(
      watch,
      Array.from({ length: 200 }, (_, n) => row(n + 1)),
    );
    await w.findings.save(aFinding('fidelity', 'alarm', { changeAt, since: changeAt, observedAt: changeAt }));
    await w.findings.save(aFinding('reference-accuracy', 'calm', { observedAt: changeAt }));
    await pass();
    expect(w.triggers.recorded[0]).toMatchObject({ action: 'wait', cause: 'unclear' });
    await w.rescores.label(watch, new Map(Array.from({ length: 200 }, (_, n) => [`r${n + 1}`, 0])));
    await pass();
    expect((await w.triggers.require('digits-t1')).spec).toMatchObject({
      cause: 'compression-damage',
      freshSince: changeAt,
    });
  });

  it('takes no finding of an earlier period of the same version', async () => {
    w.add(20);
    await w.findings.save(aFinding('latency', 'alarm', { observedAt: new Date(w.clock.now().getTime() - 1) }));
    await pass();
    expect(w.triggers.triggers.size).toBe(0);
  });

  it('records a decision only when it says something else', async () => {
    for (let i = 0; i < 5; i += 1) await pass();
    expect(w.triggers.recorded).toHaveLength(1);
  });

  it('stops at the budget that the stages downstream have charged, and goes on a day later', async () => {
    w.add(20);
    await w.desk.openByHand('digits', { reason: 'try', remedy: 'quantize-static' }, ANNA);
    await w.endings.charge('digits-t1', 4_000, 0);
    await w.endings.charge('digits-t1', 3_999, 0);
    await w.endings.resolve('digits-t1', 'refused', 'no better');
    w.clock.advance(3_600_000);
    await w.findings.save(aFinding('latency', 'alarm', { observedAt: w.clock.now() }));
    await pass();
    expect(w.triggers.recorded[0]).toMatchObject({ action: 'refuse', cause: 'latency' });
    w.clock.advance(86_400_000);
    await pass();
    expect(w.triggers.triggers.size).toBe(2);
  });
});

describe('an unclear cause', () => {
  it('has more samples scored by the reference, says so once, and asks again only when that is over', async () => {
    const w = await world();
    const since = w.clock.now();
    await w.findings.save(aFinding('fidelity', 'alarm', { since, observedAt: since, changeAt: since }));
    const pass = () => w.reconciler.reconcile('digits');
    await pass();
    await pass();
    expect(w.triggers.recorded).toHaveLength(1);
    const { evidence, row, reasons } = w.triggers.recorded[0]!;
    expect(row).toBe('awaiting-labels');
    expect(await w.evidence.current('digits')).toMatchObject({ samples: evidence?.samples, until: evidence?.until });
    expect(reasons.join(' ')).toContain('scored by the reference until');
    for (let i = 0; i < 6; i += 1) {
      w.clock.advance(3_600_000);
      await pass();
    }
    expect(w.triggers.recorded.filter((decision) => decision.evidence !== null)).toHaveLength(3);
    expect(w.triggers.recorded[0]?.reasons.join(' ')).toContain('a person may look');
  });
});

describe('what is under way downstream', () => {
  it('holds a trigger back until it has ended, and is named', async () => {
    const w = await world();
    w.add(20);
    let open = [{ kind: 'rollout', id: 'digits-m1-r', phase: 'Paused' }] as const as readonly OpenChange[];
    w.changes.register(async () => open);
    await w.findings.save(aFinding('latency', 'alarm', { observedAt: w.clock.now() }));
    await w.reconciler.reconcile('digits');
    expect(w.triggers.recorded[0]).toMatchObject({ action: 'wait', row: 'slow' });
    expect(w.triggers.recorded[0]?.reasons.join(' ')).toContain('rollout digits-m1-r is Paused');
    open = [];
    await w.reconciler.reconcile('digits');
    expect(w.triggers.triggers.size).toBe(1);
  });
});

describe('the standing', () => {
  it('tells what is left of the budgets, the cool-down, and what is under way', async () => {
    const w = await world();
    const model = await w.models.require('digits');
    const nothing = { coolDownUntil: null, quietUntil: null, open: null, changedBy: null, changes: [], dryRun: false };
    expect(await w.standing.read(model)).toMatchObject({ ...nothing, runnerSeconds: { leftSeconds: 3_600 } });
    await w.desk.openByHand('digits', { reason: 'x', remedy: 'quantize-static' }, ANNA);
    await w.endings.charge('digits-t1', 100, 7);
    expect(await w.standing.read(model)).toMatchObject({
      ...{
        open: 'digits-t1',
        runnerSeconds: { spentSeconds: 100 },
        gpuSeconds: { spentSeconds: 7, leftSeconds: 3_593 },
      },
    });
    await w.endings.resolve('digits-t1', 'refused', 'no');
    await w.lock.acquire('digits', 'digits-m1');
    const until = new Date(w.clock.now().getTime() + 600_000);
    expect(await w.standing.read(model)).toMatchObject({ open: null, coolDownUntil: until, changedBy: 'digits-m1' });
  });

  it('of the remedies follows outcomes', async () => {
    const w = await world();
    const model = await w.models.require('digits');
    for (let n = 1; n <= 4; n += 1) {
      const trigger = aTrigger(
        n,
        { champion: REFERENCE },
        { phase: 'Resolved', outcome: 'refused', detail: '', at: w.clock.now() },
      );
      await w.triggers.save({ ...trigger, revision: 0 });
    }
    const damage = (await w.book.standings(model)).find(({ cause }) => cause === 'compression-damage');
    expect(damage?.remedies.map(({ remedy }) => remedy)[0]).toBe('quantize-static/keep-sensitive');
    expect(damage?.remedies.find(({ remedy }) => remedy === 'quantize-static')).toMatchObject({
      tried: 4,
      promoted: 0,
    });
  });
});

describe('triggers by hand', () => {
  it('open at once, one at a time, and not while something changes', async () => {
    const w = await world();
    const wish = { reason: 'the night was slow', remedy: 'quantize-static' } as const;
    const trigger = await w.desk.openByHand('digits', wish, ANNA);
    expect(trigger).toMatchObject({ id: 'digits-t1', spec: { cause: 'manual', freshSince: null } });
    expect(w.audit.entries[0]).toMatchObject({ actor: 'anna', role: 'operator' });
    await expect(w.desk.openByHand('digits', wish, ANNA)).rejects.toThrow(TriggerStillOpen);
    await w.endings.resolve('digits-t1', 'promoted', 'done');
    await w.lock.acquire('digits', 'digits-m1');
    await expect(w.desk.openByHand('digits', wish, ANNA)).rejects.toThrow(ModelIsChanging);
    await expect(w.desk.openByHand('other', wish, ANNA)).rejects.toThrow(NothingServes);
  });
});

describe('outcomes', () => {
  it('resolve a trigger once and tell of it once', async () => {
    const w = await world();
    await w.desk.openByHand('digits', { reason: 'x', remedy: 'quantize-static' }, ANNA);
    const achieved = {
      decidedBy: 'candidates',
      candidate: 'digits-t1-c1',
      version: null,
      promotion: null,
      figures: null,
    } as const;
    await w.endings.resolve('digits-t1', 'refused', 'too slow', achieved);
    await w.endings.resolve('digits-t1', 'promoted', 'late');
    expect((await w.triggers.require('digits-t1')).status).toMatchObject({
      ...{ phase: 'Resolved', outcome: 'refused', achieved },
    });
    expect(w.facts.of(TriggerResolved)).toHaveLength(1);
  });
});

describe('whatever the findings do', () => {
  const states = fc.tuple(...MONITORS.map(() => fc.constantFrom<FindingState>('calm', 'alarm', 'undecided')));
  const step = fc.record({
    states,
    advance: fc.nat(700),
    outcome: fc.option(fc.constantFrom(...TRIGGER_OUTCOMES)),
    samples: fc.nat(20),
    held: fc.boolean(),
  });

  it('there are never two open triggers, and latency alone never trains', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), fc.boolean(), async (steps, bare) => {
        const w = await world(bare ? REFERENCE : CHAMPION);
        for (const { states: all, advance, outcome, samples, held } of steps) {
          w.clock.advance(advance * 1000);
          w.add(samples);
          const seen = { observedAt: w.clock.now(), version: bare ? REFERENCE : CHAMPION };
          for (const [i, monitor] of MONITORS.entries()) await w.findings.save(aFinding(monitor, all[i]!, seen));
          if (held) await w.lock.acquire('digits', 'digits-m1');
          else await w.lock.release('digits', 'digits-m1');
          await w.reconciler.reconcile('digits');
          const open = [...w.triggers.triggers.values()].filter((trigger) => trigger.status.phase === 'Open');
          expect(open.length).toBeLessThanOrEqual(1);
          for (const { spec } of w.triggers.triggers.values())
            if (spec.cause === 'latency') expect(REMEDIES[nameOfRemedy(spec.remedy)].trains).toBe(false);
          if (outcome !== null && open[0]) await w.endings.resolve(open[0].id, outcome, 'test');
        }
        expect(w.facts.of(TriggerOpened)).toHaveLength(w.triggers.triggers.size);
      }),
      { numRuns: 60 },
    );
  });
});
