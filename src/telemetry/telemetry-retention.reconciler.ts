import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { Clock, FactBus, type ReconcileResult, type Reconciler, WorkQueue } from '../kernel/index.js';
import { ModelApplied, ModelStore } from '../models/index.js';
import { viewOf } from './domain/admit.js';
import { countDeadLetters, sweptTotal } from './metrics.js';
import { TelemetryRetention } from './ports.js';
import { telemetrySettings, type TelemetrySettings } from './settings.js';

/** Removes what is too old; the key is a model's name. */
@Injectable()
export class TelemetryRetentionReconciler implements Reconciler, OnModuleInit, OnApplicationBootstrap {
  readonly kind = 'telemetry-retention';

  constructor(
    private readonly models: ModelStore,
    private readonly retention: TelemetryRetention,
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
    private readonly clock: Clock,
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
    const { more, ...report } = await this.retention.sweep(viewOf(model), this.clock.now(), {
      windows: {
        baseSeconds: this.settings.baseRetentionSeconds,
        minuteSeconds: this.settings.minuteRetentionSeconds,
        totalSeconds: this.settings.windowRetentionSeconds,
      },
      deadLetterRows: this.settings.deadLetterRows,
    });
    const { unmatchedLabels, ...removed } = report;
    for (const [kind, count] of Object.entries(removed)) sweptTotal.inc({ kind }, count);
    if (unmatchedLabels > 0) countDeadLetters({ 'label-unmatched': unmatchedLabels });
    return { requeueAfterMs: more ? 0 : this.settings.sweepSeconds * 1000 };
  }
}
