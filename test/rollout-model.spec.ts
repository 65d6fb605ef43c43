import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeCandidateStore, pendingCandidate } from '../src/candidates/testing/candidates.js';
import { FakeTriggerOutcomes } from '../src/jobs/testing/fakes.js';
import { type Digest, RatchetError, type Verdict } from '../src/kernel/index.js';
import {
  FakeClock,
  ImmediateUnitOfWork,
  RecordingAuditLog,
  RecordingFactBus,
  RecordingWorkQueue,
} from '../src/kernel/testing/index.js';
import { FakeChampionHistory, FakeChangeLock } from '../src/models/testing/index.js';
import { setLogLevel } from '../src/platform/observability/index.js';
import { advanceRollout } from '../src/rollouts/domain/advance-rollout.js';
import type { RolloutVerb } from '../src/rollouts/domain/observation.js';
import { isEnded, isSettled, type Rollout, weightOf } from '../src/rollouts/domain/rollout.js';
import type { TrafficOrder } from '../src/rollouts/ports.js';
import { RolloutControl } from '../src/rollouts/rollout-control.js';
import { RolloutReconciler } from '../src/rollouts/rollout.reconciler.js';
import {
  aRollout,
  CHAMPION,
  FakeDecisionLog,
  FakeGateMeter,
  FakeRolloutRequests,
  FakeRolloutSights,
  FakeRolloutStore,
  FakeTrafficRouter,
  POLICY,
} from '../src/rollouts/testing/index.js';

/** One route whose guardian reverts it, which fails when it is told to, and which knows whose weight it has. */
class OneRoute extends FakeTrafficRouter {
  owner: string | null = null;
  readonly faults: string[] = [];
  constructor(private readonly rollouts: FakeRolloutStore) {
    super();
  }
  override async setWeight(order: TrafficOrder, weight: number, confirmBy: Date) {
    await super.setWeight(order, weight, confirmBy);
    const most = weightOf(await this.rollouts.require(order.rollout));
    if (weight > most) this.faults.push(`${order.rollout} set ${weight} % while its status allows ${most} %`);
    if (this.owner !== null && this.owner !== order.rollout && weight > 0)
      this.faults.push(`${order.rollout} set a weight while ${this.owner} had the route`);
    this.owner = weight > 0 ? order.rollout : this.owner;
    this.lapsed = false;
  }
  override async giveBack(order: TrafficOrder, champion: Digest) {
    await super.giveBack(order, champion);
    this.owner = this.owner === order.rollout ? null : this.owner;
    this.lapsed = false;
  }
  override async settle(order: TrafficOrder) {
    const settled = await super.settle(order);
    this.weight = 0;
    this.owner = null;
    return settled;
  }
  lapse() {
    this.weight = 0;
    this.lapsed = true;
  }
}

/** What the test knows without looking into the program. */
interface Model {
  readonly aborted: Set<string>;
}

const IDS = ['digits-t1-c1-r', 'digits-t1-c2-r'] as const;
const ANN = { name: 'ann', role: 'approver' } as const;

async function newWorld() {
  const clock = new FakeClock();
  const unitOfWork = new ImmediateUnitOfWork();
  const rollouts = new FakeRolloutStore();
  const [requests, sights, decisions] = [new FakeRolloutRequests(), new FakeRolloutSights(), new FakeDecisionLog()];
  const router = new OneRoute(rollouts);
  const meter = new FakeGateMeter(() => clock.now());
  const champions = new FakeChampionHistory();
  const profile = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };
  await champions.begin({
    ...{ model: 'digits', champion: CHAMPION, reference: CHAMPION, promotion: null, profile, at: clock.now() },
  });
  const ports = {
    ...{ candidates: new FakeCandidateStore(pendingCandidate()), champions, lock: new FakeChangeLock() },
    ...{ outcomes: new FakeTriggerOutcomes(), facts: new RecordingFactBus(unitOfWork), unitOfWork, clock },
  };
  const control = new RolloutControl({
    ...{ rollouts, requests, sights, decisions, queue: new RecordingWorkQueue() },
    ...{ audit: new RecordingAuditLog(), unitOfWork, clock },
  });
  /** A process holds nothing that the next one does not find, so each pass is made by a new one. */
  const tick = async (id: string, seconds: number) => {
    clock.advance(seconds * 1_000);
    const reconciler = new RolloutReconciler({ rollouts, requests, sights, decisions }, router, meter, ports);
    await reconciler.reconcile(id).catch((error: unknown) => {
      if (!(error instanceof RatchetError) && !String(error).includes('the process died')) throw error;
    });
  };
  await rollouts.save(created(IDS[0]));
  return { rollouts, requests, decisions, router, meter, control, champions, tick };
}
type World = Awaited<ReturnType<typeof newWorld>>;

/** What must be so after every command. */
async function check({ rollouts, router, decisions }: World, model: Model): Promise<void> {
  expect(router.faults).toEqual([]);
  expect([0, ...POLICY.steps.map(({ weight }) => weight)]).toContain(router.weight);
  const all = [...rollouts.rollouts.values()];
  const active = all.filter(({ status }) => status.phase !== 'Pending' && !isSettled(status));
  expect(active.map(({ id }) => id).length).toBeLessThanOrEqual(1);
  for (const { id, status } of all) if (model.aborted.has(id)) expect(status.phase).not.toBe('Promoted');
  for (const { before, observation, decision, rollout } of decisions.records) {
    if (observation === null) continue;
    expect(advanceRollout({ ...(await rollouts.require(rollout)), status: before }, observation)).toEqual(decision);
  }
}

class Command implements fc.AsyncCommand<Model, World> {
  constructor(
    private readonly name: string,
    private readonly act: (world: World, model: Model) => Promise<void> | void,
  ) {}
  check() {
    return true;
  }
  async run(model: Model, world: World) {
    await this.act(world, model);
    await check(world, model);
  }
  toString() {
    return this.name;
  }
}

const id = fc.constantFrom(...IDS);
const commands = [
  id.map(
    (one) =>
      new Command(`start ${one}`, async ({ rollouts }) => {
        await rollouts.save(created(one)).catch(refusal);
      }),
  ),
  fc
    .tuple(id, fc.integer({ min: 0, max: 6 }))
    .map(([one, seconds]) => new Command(`tick ${one} ${seconds} s`, ({ tick }) => tick(one, seconds))),
  fc.tuple(id, fc.integer({ min: 1, max: 12 })).map(
    ([one, count]) =>
      new Command(`tick ${one} ${count} times`, async ({ tick }) => {
        for (let i = 0; i < count; i += 1) await tick(one, 1);
      }),
  ),
  fc
    .constantFrom<Verdict>('PASS', 'PASS', 'PASS', 'FAIL', 'UNDECIDED', 'BLIND')
    .map((verdict) => new Command(`gates say ${verdict}`, ({ meter }) => void (meter.verdict = verdict))),
  fc.tuple(id, fc.constantFrom<RolloutVerb>('pause', 'resume', 'advance', 'promote', 'approve', 'abort', 'abort')).map(
    ([one, verb]) =>
      new Command(`${verb} ${one}`, async ({ control }, model) => {
        const taken = await control.ask(one, verb, ANN, 'because').catch(refusal);
        if (taken !== null && verb === 'abort') model.aborted.add(one);
      }),
  ),
  id.map(
    (one) =>
      new Command(`the promotion of ${one} happens`, async ({ control }) => {
        await control.markPromoted(one).catch(refusal);
      }),
  ),
  fc.constant(
    new Command('the process dies before its next save', ({ rollouts }) => void (rollouts.failNextSave = true)),
  ),
  fc
    .nat(4)
    .map((count) => new Command(`the router fails ${count} times`, ({ router }) => void (router.failing = count))),
  fc
    .boolean()
    .map(
      (sees) =>
        new Command(`the data plane ${sees ? 'can' : 'cannot'} be seen`, ({ router }) => void (router.sees = sees)),
    ),
  fc.constant(
    new Command('the guardian reverts', ({ router }) => {
      router.lapse();
    }),
  ),
];

function created(one: string): Rollout {
  const rollout = aRollout();
  return { ...rollout, id: one, spec: { ...rollout.spec, candidate: one.replace(/-r$/, '') } };
}

function refusal(error: unknown): null {
  if (error instanceof RatchetError || String(error).includes('the process died')) return null;
  throw error;
}

describe('a rollout under any sequence of events', () => {
  beforeAll(() => setLogLevel('silent'));

  it('keeps to its weights, shares its target with nobody, replays, and an abort gives everything back', async () => {
    let [aborts, promotions] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 40, size: 'max' }), async (sequence) => {
        const world = await newWorld();
        const model: Model = { aborted: new Set() };
        await fc.asyncModelRun(() => ({ model, real: world }), sequence);
        // The world heals; what was aborted comes to rest, and nothing that is at rest has traffic.
        world.router.failing = 0;
        world.router.sees = true;
        world.rollouts.failNextSave = false;
        const ended = new Set(
          IDS.filter((one) => isEnded(world.rollouts.rollouts.get(one)?.status ?? { phase: 'Pending' })),
        );
        for (let i = 0; i < 3; i += 1) for (const one of IDS) await world.tick(one, 1);
        for (const one of IDS) {
          const found = await world.rollouts.find(one);
          if (found === null) continue;
          if (found.status.phase === 'Promoted') promotions += 1;
          if (ended.has(one)) expect(isSettled(found.status)).toBe(true);
          if (!model.aborted.has(one)) continue;
          aborts += 1;
          expect(['Aborted', 'RolledBack']).toContain(found.status.phase);
          expect(world.router.owner).not.toBe(one);
        }
        await check(world, model);
      }),
      { numRuns: 500, seed: 4 },
    );
    // The commands reach what they are about.
    expect(aborts).toBeGreaterThan(30);
    expect(promotions).toBeGreaterThan(5);
  }, 120_000);
});
