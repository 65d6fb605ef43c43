import type { ChampionPeriod, Model } from '../models/index.js';
import type { AnswerLedger } from '../telemetry/index.js';
import { type CoverageState, feedable } from './domain/coverage.js';
import type { BinaryObservation } from './domain/e-detector.js';
import type { MonitorName } from './domain/finding.js';
import { stateRate } from './domain/rate-finding.js';
import { newRateMonitor, observeRate, type RateMonitorState } from './domain/rate-monitor.js';
import { type Statement, undecided } from './domain/statement.js';
import type { Watch } from './domain/watch.js';
import type { DetectorRecord, DetectorStore, RescoreLedger } from './ports.js';

/** Most observations that one pass feeds to one detector. */
const BATCH = 5_000;

type RateMonitorName = Extract<MonitorName, 'accuracy' | 'reference-accuracy' | 'fidelity'>;

/** What the windows say about which rows may be fed. */
export interface Judged {
  readonly coverage: CoverageState;
  /** Every window that starts before it has been looked at. */
  readonly until: Date;
}

interface Fed {
  readonly observations: readonly BinaryObservation[];
  readonly cursor: number;
}

interface Plan {
  readonly monitor: RateMonitorName;
  readonly evaluated: { readonly rate: number; readonly samples: number } | null;
  readonly tolerance: number;
  readonly read: (after: number) => Promise<Fed>;
}

/** Feeds the three monitors of a share: accuracy, accuracy of the reference, fidelity. */
export class RateWatch {
  constructor(
    private readonly answers: AnswerLedger,
    private readonly rescores: RescoreLedger,
    private readonly detectors: DetectorStore,
  ) {}

  /** Call it inside the unit of work that saves the findings. */
  async pass(
    model: Model,
    period: ChampionPeriod,
    watch: Watch,
    known: ReadonlyMap<string, DetectorRecord>,
    judged: Judged,
  ): Promise<Map<MonitorName, Statement>> {
    const statements = new Map<MonitorName, Statement>();
    for (const plan of this.plans(model, period, watch, judged)) {
      const refusal = whyNot(plan.monitor, model, watch);
      if (refusal !== null) statements.set(plan.monitor, undecided(refusal, 'It raises no alarm.'));
      else statements.set(plan.monitor, await this.feed(plan, model, watch, known));
    }
    return statements;
  }

  private async feed(
    plan: Plan,
    model: Model,
    watch: Watch,
    known: ReadonlyMap<string, DetectorRecord>,
  ): Promise<Statement> {
    const policy = model.spec.monitors;
    const record = known.get(plan.monitor) as DetectorRecord<RateMonitorState> | undefined;
    const before = record?.state ?? newRateMonitor(plan.evaluated, plan.tolerance, policy.falseAlarmEvery);
    const fed = await plan.read(record?.cursor ?? 0);
    const state = observeRate(before, fed.observations, policy, plan.tolerance);
    if (record?.cursor !== fed.cursor) await this.detectors.save(watch, plan.monitor, { state, cursor: fed.cursor });
    return stateRate(plan.monitor, state, policy);
  }

  private plans(model: Model, { profile }: ChampionPeriod, watch: Watch, { coverage, until }: Judged): Plan[] {
    const { accuracyTolerance, agreementTolerance } = model.spec.monitors;
    return [
      {
        monitor: 'accuracy',
        evaluated: evaluated(profile.accuracy, profile.labelled),
        tolerance: accuracyTolerance,
        read: async (after) => {
          const rows = await this.answers.labelledAfter(watch.model, watch.version, after, BATCH);
          const fed = feedable(coverage, rows, until);
          const observations = fed.rows
            .filter((row) => row.at >= watch.since)
            .map((row) => ({ bad: row.prediction !== row.label, at: row.at.getTime() }));
          return { observations, cursor: fed.last?.sequence ?? after };
        },
      },
      {
        monitor: 'reference-accuracy',
        evaluated: evaluated(profile.referenceAccuracy, profile.labelled),
        tolerance: accuracyTolerance,
        read: async (after) => {
          const rows = await this.rescores.labelledAfter(watch, after, BATCH);
          const fed = feedable(coverage, rows, until);
          const observations = fed.rows.map((row) => ({ bad: row.reference !== row.label, at: row.at.getTime() }));
          return { observations, cursor: fed.last?.labelSequence ?? after };
        },
      },
      {
        monitor: 'fidelity',
        evaluated: evaluated(profile.agreement, profile.compared),
        tolerance: agreementTolerance,
        read: async (after) => {
          const rows = await this.rescores.comparedAfter(watch, after, BATCH);
          const fed = feedable(coverage, rows, until);
          const observations = fed.rows.map((row) => ({ bad: row.champion !== row.reference, at: row.at.getTime() }));
          return { observations, cursor: fed.last?.sequence ?? after };
        },
      },
    ];
  }
}

/** The evaluated rate of bad answers, or null when nobody measured it. */
export function evaluated(share: number | null, samples: number): { rate: number; samples: number } | null {
  return share === null || samples === 0 ? null : { rate: 1 - share, samples };
}

function whyNot(monitor: RateMonitorName, model: Model, watch: Watch): string | null {
  if (model.spec.task.kind !== 'classification') return 'Right or wrong is only defined for classification.';
  if (monitor !== 'accuracy' && watch.version === watch.reference) return 'The reference itself serves.';
  return null;
}
