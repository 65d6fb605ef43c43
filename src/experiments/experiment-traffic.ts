import { type Clock, type Digest, RevisionConflict } from '../kernel/index.js';
import type { GatewayStatus, Route, RouteStore } from '../serving/index.js';
import type { WindowStore } from '../telemetry/index.js';
import type { Experiment, ExperimentStatus, PairSource } from './domain/experiment.js';
import type { TrafficSeen } from './domain/reckon.js';
import { trafficOf } from './domain/traffic-seen.js';

/** How long the gateway may give the candidate its share without hearing of us. */
const LEASE_MS = 15_000;
/** A mirror that has made no pair for so long is not where this model's requests go. */
const MIRROR_PATIENCE_MS = 30_000;
/** What is said about traffic rests on so much of the past. */
const RECENT_MS = 300_000;
/** Plans rest on so much of it. */
const PLANNED_ON_MS = 86_400_000;

type RunningStatus = Extract<ExperimentStatus, { readonly phase: 'Running' }>;

/** What an experiment does to the requests of its model, and what is seen of them. */
export class ExperimentTraffic {
  constructor(
    private readonly parts: {
      readonly routes: RouteStore;
      readonly gateways: GatewayStatus;
      readonly windows: WindowStore;
      readonly clock: Clock;
    },
  ) {}

  find(model: string): Promise<Route | null> {
    return this.parts.routes.find(model);
  }

  /**
   * States the whole wish: shadow: everything to the champion, a copy to the candidate; live: the candidate's share, on lease,
   * with exposures. Fenced: nothing is written when the route is no longer the one that was decided on, or when its champion is another.
   */
  async state({ model, spec }: Experiment, seen: Route, source: PairSource): Promise<void> {
    if (seen.stable !== spec.champion) return;
    const { stable } = seen;
    const confirmBy = new Date(this.parts.clock.now().getTime() + LEASE_MS);
    const wanted =
      spec.mode === 'live'
        ? {
            ...{ model, stable, salt: spec.salt, mirror: null, mirrorFraction: 0 },
            ...{ candidate: spec.candidateVersion, weight: spec.weight, confirmBy, exposures: true },
          }
        : {
            ...{ model, stable, salt: seen.salt, candidate: null, weight: 0, confirmBy: null },
            ...(source === 'mirror'
              ? { mirror: spec.candidateVersion, mirrorFraction: spec.mirrorFraction }
              : { mirror: null, mirrorFraction: 0 }),
          };
    await this.parts.routes.stateIf(wanted, seen.epoch);
  }

  /**
   * Takes the candidate off the requests; what somebody else has put there stays. Joins the unit of work.
   * @throws RevisionConflict when the route changed meanwhile: to be tried again
   */
  async end({ model, spec }: Experiment): Promise<void> {
    const route = await this.parts.routes.find(model);
    if (route === null) return;
    const { epoch, exposures: _, ...wanted } = route;
    if (spec.mode === 'live') {
      if (route.candidate !== spec.candidateVersion || route.salt !== spec.salt) return;
      await this.restate({ ...wanted, candidate: null, weight: 0, confirmBy: null }, epoch);
    } else if (route.mirror === spec.candidateVersion) {
      await this.restate({ ...wanted, mirror: null, mirrorFraction: 0 }, epoch);
    }
  }

  private async restate(route: Omit<Route, 'epoch'>, epoch: number): Promise<void> {
    if ((await this.parts.routes.stateIf(route, epoch)) === null) throw new RevisionConflict('route', route.model);
  }

  /**
   * Where a shadow experiment gets its pairs: from the mirror where the built-in gateway answers this model's requests; by
   * scoring sampled requests again where no gateway is alive, or where its mirror has made no pair although requests come.
   */
  async source({ model, status }: Experiment): Promise<PairSource> {
    const running = status.phase === 'Running' ? status : null;
    const isYoung = running !== null && this.age(running) < MIRROR_PATIENCE_MS;
    const settled = settledSource(running, isYoung);
    if (settled !== null) return settled;
    if ((await this.parts.gateways.epochInForce(model)) === null) return 'rescore';
    if (running === null || isYoung) return 'mirror';
    return ((await this.recentRequests(model, status)) ?? 0) > 0 ? 'rescore' : 'mirror';
  }

  private age({ startedAt }: RunningStatus): number {
    return this.parts.clock.now().getTime() - startedAt.getTime();
  }

  /** Requests of this model in the last minutes, but not before it began. */
  async recentRequests(model: string, status: ExperimentStatus): Promise<number | null> {
    if (status.phase !== 'Running') return null;
    const since = Math.max(status.startedAt.getTime(), this.parts.clock.now().getTime() - RECENT_MS);
    const windows = await this.parts.windows.listModel(model, new Date(since));
    return windows.reduce((sum, { requests }) => sum + requests, 0);
  }

  /** What telemetry has seen of a version in the last day: its rate from the first request to now. */
  async seen(model: string, version: Digest): Promise<TrafficSeen> {
    const now = this.parts.clock.now().getTime();
    const windows = await this.parts.windows.list(model, version, new Date(now - PLANNED_ON_MS));
    return trafficOf(windows, now);
  }
}

/** What a running experiment stays with whatever the gateways do: those that restart are away only for a moment. */
function settledSource(running: RunningStatus | null, isYoung: boolean): PairSource | null {
  if (running === null) return null;
  if (running.source === 'rescore') return 'rescore';
  return running.source === 'mirror' && (isYoung || running.reading.pairs > 0) ? 'mirror' : null;
}
