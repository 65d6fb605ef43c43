import { seededRandom } from '../../src/kernel/index.js';
import type { ModelSpec, QualityProfile } from '../../src/models/index.js';
import type { EvidenceWish, Finding } from '../../src/monitors/index.js';
import { type Attribution, attribute, leadingAlarm } from '../../src/triggers/domain/attribution.js';
import { planEvidence } from '../../src/triggers/domain/evidence-plan.js';
import { decide, freshSince, type Proposal } from '../../src/triggers/domain/trigger-policy.js';
import type { TriggerDecision } from '../../src/triggers/domain/trigger.js';
import type { Pool } from './pool.js';
import { type Answer, Traffic, type Weather } from './traffic.js';
import { type Baseline, baselineOf, Watchtower } from './watchtower.js';

export const TRUTHS = ['compression-damage', 'world-changed', 'latency', 'no-compressed-champion', 'calm'] as const;
/** What really happens in an episode. */
export type Truth = (typeof TRUTHS)[number];
/** What the program makes of it at the end: a cause it names, `unclear`, or nothing at all. */
export type Verdict = Attribution['cause'];

/** One episode's circumstances. */
export interface Script {
  readonly truth: Truth;
  /** The traffic after the change. */
  readonly weather: Weather;
  readonly variant: string;
  readonly requestsPerSecond: number;
  readonly windowSeconds: number;
  /** Share of the answers whose label ever comes, and how late it is on average. */
  readonly labelShare: number;
  readonly labelDelaySeconds: number;
  readonly seed: number;
}

export interface EpisodeResult {
  readonly script: Script;
  readonly verdict: Verdict;
  readonly row: string;
  /** The remedy of the trigger that was opened; null when none was. */
  readonly remedy: string | null;
  /** Requests from the change until some monitor alarmed, until a cause was named, and until the trigger was opened. */
  readonly alarmAfter: number | null;
  readonly namedAfter: number | null;
  readonly openedAfter: number | null;
  /** Times that more evidence was asked for. */
  readonly asked: number;
}

const T0 = Date.UTC(2026, 0, 1);
const BASELINE_REQUESTS = 600;
/** Baselines of a version that episodes draw from. */
const BASELINES = 8;
const HOLDOUT_ROWS = 500;
/** Requests after the change at which an episode ends, whatever is known by then. */
export const HORIZON_REQUESTS = 8_000;
/** Samples that telemetry keeps a second. */
const SAMPLES_PER_SECOND = 20;

/** Plays one episode through windows, monitors, attribution and policy; the same script gives the same result. */
export function playEpisode(pool: Pool, spec: ModelSpec, script: Script): EpisodeResult {
  return new Episode(pool, spec, script).play();
}

class Episode {
  private readonly random: () => number;
  private readonly traffic: Traffic;
  private readonly tower: Watchtower;
  private readonly calm: Weather;
  private readonly perWindow: number;
  private readonly changeWindow: number;
  private readonly compressed: boolean;
  /** Labels by the pass at which they arrive. */
  private readonly mail = new Map<number, Answer[]>();
  private readonly samples: { readonly answer: Answer; labelledAt: number }[] = [];
  private readonly decisions: TriggerDecision[] = [];
  private wish: EvidenceWish | null = null;
  private asked = 0;

  constructor(
    private readonly pool: Pool,
    private readonly spec: ModelSpec,
    private readonly script: Script,
  ) {
    this.random = seededRandom(script.seed);
    this.compressed = script.truth !== 'no-compressed-champion';
    this.traffic = new Traffic(pool, !this.compressed, script.windowSeconds, this.random);
    this.calm = { condition: 'clean', relabelled: 0, latencyP95Ms: spec.objectives.latencyP95Ms / 2 };
    this.perWindow = Math.round(script.requestsPerSecond * script.windowSeconds);
    this.changeWindow = Math.ceil((500 + this.random() * 1_500) / this.perWindow);
    const version = this.compressed ? pool.champion : pool.reference;
    const about = { model: pool.model, version };
    const baseline = baselineFor(pool, this.compressed, script.seed, this.calm);
    this.tower = new Watchtower(spec, about, this.compressed, this.evaluate(), baseline, new Date(T0));
  }

  play(): EpisodeResult {
    const last = this.changeWindow + Math.ceil(HORIZON_REQUESTS / this.perWindow);
    const seen: { alarm: number | null; named: number | null } = { alarm: null, named: null };
    let attribution: Attribution = { cause: 'none', row: 'calm', reasons: [], asks: null };
    for (let n = 0; n < last; n += 1) {
      const { findings, proposal, attributed } = this.pass(n);
      attribution = attributed;
      const after = (n + 1 - this.changeWindow) * this.perWindow;
      if (findings.some(({ state }) => state === 'alarm')) seen.alarm ??= after;
      if (named(attributed.cause)) seen.named ??= after;
      if (proposal.spec !== null) {
        const remedy = proposal.spec.remedy.name ?? proposal.spec.remedy.recipe;
        return this.result(attributed, seen, { remedy, openedAfter: after });
      }
    }
    return this.result(attribution, seen, { remedy: null, openedAfter: null });
  }

  private pass(n: number): { findings: readonly Finding[]; proposal: Proposal; attributed: Attribution } {
    const start = T0 + n * this.script.windowSeconds * 1_000;
    const now = new Date(start + this.script.windowSeconds * 1_000);
    const weather = n >= this.changeWindow ? this.script.weather : this.calm;
    const { window, answers } = this.traffic.window(start, this.perWindow, weather);
    const kept = this.keep(answers, n);
    if (this.wish !== null && this.wish.until <= now) this.wish = null;
    const findings = this.tower.pass(window, kept, this.mail.get(n) ?? [], this.wish, now);
    this.mail.delete(n);
    const attributed = attribute(findings, this.situation(findings, now));
    const fresh = this.count(freshSince(attributed.cause, findings)?.getTime() ?? 0, n);
    const proposal = decide(attributed, {
      ...{ model: this.pool.model, policy: this.spec.triggers, champion: this.pool.champion, findings, fresh, now },
      ...{ reference: this.pool.reference, triggers: [], outcomes: [], lockHolder: null, changes: [], charges: [] },
    });
    this.ask(attributed, findings, now);
    return { findings, proposal, attributed };
  }

  private situation(findings: readonly Finding[], now: Date): Parameters<typeof attribute>[1] {
    const changeAt = leadingAlarm(findings)?.changeAt ?? null;
    return {
      ...{ now, task: 'classification', championIsReference: !this.compressed, samples: this.samples.length },
      minimumSamples: this.spec.triggers.minimumSamples,
      labelPatienceSeconds: this.spec.telemetry.labelWaitSeconds,
      sinceChange: this.compressed && changeAt !== null ? this.tower.tally(changeAt) : null,
      compressionExhausted: false,
    };
  }

  /** Keeps samples and posts labels; a label's delay is exponential. */
  private keep(answers: readonly Answer[], n: number): readonly Answer[] {
    const share = Math.min(1, SAMPLES_PER_SECOND / this.script.requestsPerSecond);
    const kept: Answer[] = [];
    for (const answer of answers) {
      let labelledAt = Number.POSITIVE_INFINITY;
      if (this.random() < this.script.labelShare) {
        const delay = -Math.log(1 - this.random()) * this.script.labelDelaySeconds;
        labelledAt = n + 1 + Math.floor(delay / this.script.windowSeconds);
        this.mail.set(labelledAt, [...(this.mail.get(labelledAt) ?? []), answer]);
      }
      if (this.random() >= share) continue;
      kept.push(answer);
      this.samples.push({ answer, labelledAt });
    }
    return kept;
  }

  private count(since: number, n: number): { readonly rows: number; readonly labelled: number } {
    const rows = this.samples.filter(({ answer }) => answer.at >= since).slice(-this.spec.telemetry.sampleRows);
    return { rows: rows.length, labelled: rows.filter(({ labelledAt }) => labelledAt <= n).length };
  }

  private ask(attributed: Attribution, findings: readonly Finding[], now: Date): void {
    const { wish } = planEvidence(attributed, {
      ...{ findings, current: this.wish, decisions: this.decisions, now },
      rescoreBatch: this.spec.monitors.rescoreBatch,
      labelWaitSeconds: this.spec.telemetry.labelWaitSeconds,
    });
    if (wish === null) return;
    this.wish = wish;
    this.asked += 1;
    this.decisions.unshift({
      ...{ model: this.pool.model, at: now, action: 'wait', cause: attributed.cause, row: attributed.row },
      ...{ reasons: [], until: null, evidence: { samples: wish.samples, until: wish.until }, trigger: null },
    });
  }

  /** What the evaluation before the promotion found on held-out rows. */
  private evaluate(): QualityProfile {
    const rows = this.pool.conditions.clean;
    const counts = { champion: 0, reference: 0, agreed: 0 };
    for (let n = 0; n < HOLDOUT_ROWS; n += 1) {
      const row = Math.floor(this.random() * this.pool.rows);
      counts.champion += Number(rows.champion[row] === rows.labels[row]);
      counts.reference += Number(rows.reference[row] === rows.labels[row]);
      counts.agreed += Number(rows.champion[row] === rows.reference[row]);
    }
    return {
      ...{ accuracy: counts.champion / HOLDOUT_ROWS, labelled: HOLDOUT_ROWS },
      ...{ agreement: counts.agreed / HOLDOUT_ROWS, compared: HOLDOUT_ROWS },
      referenceAccuracy: counts.reference / HOLDOUT_ROWS,
    };
  }

  private result(
    { cause, row }: Attribution,
    { alarm, named: namedAfter }: { readonly alarm: number | null; readonly named: number | null },
    opened: Pick<EpisodeResult, 'remedy' | 'openedAfter'>,
  ): EpisodeResult {
    const { script, asked } = this;
    return { script, verdict: cause, row, alarmAfter: alarm, namedAfter, ...opened, asked };
  }
}

const baselines = new Map<string, Baseline>();

/** One of the baselines of a version, made once. */
function baselineFor(pool: Pool, compressed: boolean, seed: number, calm: Weather): Baseline {
  const number = seed % BASELINES;
  const name = `${pool.model} ${compressed} ${number}`;
  const known = baselines.get(name);
  if (known !== undefined) return known;
  const traffic = new Traffic(pool, !compressed, 60, seededRandom(number + 1));
  const made = baselineOf([traffic.window(T0 - 3_600_000, BASELINE_REQUESTS, calm).window]);
  baselines.set(name, made);
  return made;
}

function named(cause: Attribution['cause']): boolean {
  return cause !== 'none' && cause !== 'unclear';
}
