import { Injectable, type OnModuleInit } from '@nestjs/common';
import { FactBus, type ReconcileResult, type Reconciler, WorkQueue } from '../kernel/index.js';
import { ChampionChanged, ChampionHistory, ModelApplied } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import { routeForChampion } from './domain/default-route.js';
import { RouteStore } from './ports.js';

/** Makes sure that every model has a route and that its stable version is the champion. */
@Injectable()
export class RouteReconciler implements Reconciler, OnModuleInit {
  readonly kind = 'route';
  readonly urgent = true;

  constructor(
    private readonly routes: RouteStore,
    private readonly champions: ChampionHistory,
    private readonly queue: WorkQueue,
    private readonly facts: FactBus,
  ) {}

  onModuleInit(): void {
    this.queue.register(this);
    const wake = (model: string): Promise<void> => this.queue.enqueue(this.kind, model);
    this.facts.subscribe(ModelApplied, 'serving', (fact) => wake(fact.data.model));
    this.facts.subscribe(ChampionChanged, 'serving', (fact) => wake(fact.data.model));
  }

  async reconcile(model: string): Promise<ReconcileResult> {
    // The route first: whoever changes the champion writes both at once, so the champion read after it is never older
    // than the route, and a newer route is never set back.
    const current = await this.routes.find(model);
    const period = await this.champions.current(model);
    if (period === null) return {}; // no champion yet; the fact of the first one comes
    const wanted = routeForChampion(model, period.champion, current);
    if (wanted === null) return {};
    const stored = await this.routes.state(wanted);
    log.info({ model, stable: stored.stable, epoch: stored.epoch }, 'route stated for the champion');
    return {};
  }
}
