import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { FactBus, type ReconcileResult, type Reconciler, WorkQueue } from '../kernel/index.js';
import { ModelApplied, ModelStore } from '../models/index.js';
import { viewOf } from './domain/admit.js';
import { HalfExpiry } from './half-expiry.js';
import { telemetrySettings, type TelemetrySettings } from './settings.js';

/** Looks at intervals for halves that have waited too long; the key is a model's name. */
@Injectable()
export class HalfExpiryReconciler implements Reconciler, OnModuleInit, OnApplicationBootstrap {
  readonly kind = 'telemetry-halves';

  constructor(
    private readonly models: ModelStore,
    private readonly expiry: HalfExpiry,
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    @Inject(telemetrySettings.token) private readonly settings: TelemetrySettings,
  ) {}

  onModuleInit(): void {
    this.queue.register(this);
    this.facts.subscribe(ModelApplied, this.kind, ({ data }) => this.queue.enqueue(this.kind, data.model));
  }

  /** Models that were applied before this stage knew of them. */
  async onApplicationBootstrap(): Promise<void> {
    await this.queue.enqueueAll(
      this.kind,
      (await this.models.list()).map(({ id }) => id),
    );
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const model = await this.models.find(key);
    if (model === null) return {};
    await this.expiry.expire(viewOf(model));
    const { sweepSeconds, halfWaitSeconds } = this.settings;
    return { requeueAfterMs: Math.min(sweepSeconds, halfWaitSeconds) * 1000 };
  }
}
