import { describe, expect, it } from '@jest/globals';
import { FakeClock, ImmediateUnitOfWork, RecordingFactBus, RecordingWorkQueue } from '../kernel/testing/index.js';
import { ModelApplied } from '../models/index.js';
import { parseSettings } from '../platform/config/index.js';
import type { ModelView } from './domain/admit.js';
import { TelemetryRetention } from './ports.js';
import { telemetrySettings } from './settings.js';
import { TelemetryRetentionReconciler } from './telemetry-retention.reconciler.js';
import { aModel, FakeModelStore } from './testing/index.js';

class FakeRetention extends TelemetryRetention {
  readonly swept: string[] = [];
  more = false;
  async sweep(view: ModelView) {
    this.swept.push(view.name);
    return { answers: 1, windows: 0, rolledUp: 0, samples: 0, deadLetters: 0, unmatchedLabels: 2, more: this.more };
  }
}

function setUp() {
  const queue = new RecordingWorkQueue();
  const unitOfWork = new ImmediateUnitOfWork();
  const facts = new RecordingFactBus(unitOfWork);
  const retention = new FakeRetention();
  const settings = parseSettings([telemetrySettings], {}).of(telemetrySettings);
  const models = new FakeModelStore([aModel('a'), aModel('b')]);
  const reconciler = new TelemetryRetentionReconciler(models, retention, queue, facts, new FakeClock(), settings);
  reconciler.onModuleInit();
  return { queue, unitOfWork, facts, retention, reconciler };
}

describe('TelemetryRetentionReconciler', () => {
  it('sweeps a model regularly, and at once again while there is more', async () => {
    const { reconciler, retention } = setUp();
    expect(await reconciler.reconcile('a')).toEqual({ requeueAfterMs: 30_000 });
    retention.more = true;
    expect(await reconciler.reconcile('a')).toEqual({ requeueAfterMs: 0 });
    expect(retention.swept).toEqual(['a', 'a']);
  });

  it('ends with its model', async () => {
    const { reconciler, retention } = setUp();
    expect(await reconciler.reconcile('gone')).toEqual({});
    expect(retention.swept).toEqual([]);
  });

  it('is woken for models that are there at the start and that come later', async () => {
    const { reconciler, queue, facts, unitOfWork } = setUp();
    await reconciler.onApplicationBootstrap();
    await unitOfWork.run('test.work', () => facts.publish(ModelApplied, { model: 'c' }));
    await facts.deliver();
    expect(queue.reconcilers.get('telemetry-retention')).toBe(reconciler);
    expect(queue.enqueued.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });
});
