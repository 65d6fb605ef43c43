import type { Clock, ReconcileResult, Reconciler, UnitOfWork } from '../kernel/index.js';
import type { ChampionHistory, Model, ModelStore } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import { gateByCoverage } from './domain/coverage.js';
import { rescoreBatch } from './domain/evidence-wish.js';
import { withContract } from './domain/contract.js';
import { type MonitorName, MONITORS } from './domain/finding.js';
import { type Statement, toFinding, undecided } from './domain/statement.js';
import type { Watch } from './domain/watch.js';
import type { EstimateWatch } from './estimate-watch.js';
import { forgetFindings, rescoredTotal, rescoreFailuresTotal, showStatements, wishedSamples } from './metrics.js';
import type { OutputWatch } from './output-watch.js';
import type { DetectorStore, EvidenceRequests, FindingStore, RescoreLedger } from './ports.js';
import type { RateWatch } from './rate-watch.js';
import type { RescoreResult, Rescorer } from './rescorer.js';
import type { MonitorsSettings } from './settings.js';
import type { WindowWatch } from './window-watch.js';

export const MONITOR_KIND = 'monitor';
const SOON_MS = 100;
const DAY_MS = 86_400_000;

/** Looks at what serves as champion of one model: a pass feeds what is new and saves what follows, all or nothing. */
export class MonitorReconciler implements Reconciler {
  readonly kind = MONITOR_KIND;

  constructor(
    private readonly catalog: { readonly models: ModelStore; readonly history: ChampionHistory },
    private readonly stores: {
      readonly findings: FindingStore;
      readonly detectors: DetectorStore;
      readonly rescores: RescoreLedger;
      readonly wishes: EvidenceRequests;
    },
    private readonly parts: {
      readonly rescorer: Rescorer;
      readonly rates: RateWatch;
      readonly windows: WindowWatch;
      readonly estimates: EstimateWatch;
      readonly outputs: OutputWatch;
    },
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: Pick<MonitorsSettings, 'passMs' | 'windowGraceMs' | 'rescoreDays'>,
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const model = await this.catalog.models.find(key);
    const period = model === null ? null : await this.catalog.history.current(key);
    if (model === null || period === null) {
      forgetFindings(key);
      return model === null ? {} : { requeueAfterMs: this.settings.passMs };
    }
    const watch: Watch = { model: key, version: period.champion, reference: period.reference, since: period.from };
    const wish = await this.stores.wishes.current(key);
    const rescored = await this.rescore(watch, rescoreBatch(model.spec.monitors, wish, inputLength(model)));
    const closedMs = this.settings.windowGraceMs + model.spec.telemetry.windowSeconds * 1000;
    const closed = new Date(this.clock.now().getTime() - closedMs);
    const measured = await this.parts.outputs.measure(model, watch, closed);
    const now = this.clock.now();
    const labelledSince = new Date(now.getTime() - model.spec.telemetry.labelWaitSeconds * 1000);
    const statements = await this.unitOfWork.run('monitors.state', async () => {
      if (watch.version !== watch.reference) await this.parts.rescorer.keep(watch, rescored.rows, labelledSince);
      const known = await this.stores.detectors.load(watch);
      const { statements: windows, covered, judged } = await this.parts.windows.pass(model, watch, known, now);
      const rates = await this.parts.rates.pass(model, period, watch, known, judged);
      const estimate = await this.parts.estimates.pass(model, period, watch, known, judged, covered);
      const outputs = await this.parts.outputs.pass(model, watch, known, judged, measured);
      await this.stores.rescores.forget(key, new Date(now.getTime() - this.settings.rescoreDays * DAY_MS));
      const all = new Map<MonitorName, Statement>([...rates, ...windows, ...outputs, ['estimated-accuracy', estimate]]);
      const stated = withContract(gateByCoverage(withFailure(all, rescored.failure)), model.spec.monitors);
      await this.save(watch, stated, now);
      return stated;
    });
    showStatements(watch, statements);
    wishedSamples.set({ model: key }, wish?.samples ?? 0);
    if (rescored.rows.length > 0) rescoredTotal.inc({ model: key }, rescored.rows.length);
    if (rescored.failure !== null) rescoreFailuresTotal.inc({ model: key });
    return { requeueAfterMs: rescored.more || measured.more ? SOON_MS : this.settings.passMs };
  }

  private async rescore(watch: Watch, batch: number): Promise<RescoreResult> {
    if (watch.version === watch.reference) return { rows: [], failure: null, more: false };
    return this.parts.rescorer.score(watch, batch);
  }

  private async save(watch: Watch, statements: ReadonlyMap<MonitorName, Statement>, now: Date): Promise<void> {
    const before = new Map(
      (await this.stores.findings.list(watch.model, watch.version)).map((finding) => [finding.monitor, finding]),
    );
    const findings = MONITORS.flatMap((monitor) => {
      const statement = statements.get(monitor);
      if (statement === undefined) return [];
      const about = { model: watch.model, version: watch.version, monitor };
      const previous = before.get(monitor);
      // What was found in an earlier period of the same version is not this period's past.
      const known = previous !== undefined && previous.observedAt >= watch.since ? previous : undefined;
      const finding = toFinding(about, statement, known, now);
      if (previous?.state !== finding.state)
        log.info(
          { model: watch.model, monitor, state: finding.state, explanation: finding.explanation },
          'finding changed',
        );
      return [finding];
    });
    await this.stores.findings.save(...findings);
  }
}

/** A reference that cannot score leaves calm monitors blind; an alarm that stands does not go away by it. */
function withFailure(statements: Map<MonitorName, Statement>, failure: string | null): Map<MonitorName, Statement> {
  if (failure === null) return statements;
  for (const monitor of ['fidelity', 'reference-accuracy', 'output-distance'] as const) {
    const statement = statements.get(monitor);
    if (statement?.state === 'calm')
      statements.set(monitor, undecided(`The reference could not score: ${failure}`, statement.falseAlarm));
  }
  return statements;
}

/** Numbers in one input row. */
function inputLength({ spec }: Model): number {
  return spec.input.shape.slice(1).reduce((product, size) => product * size, 1);
}
