import type { Evidence } from '../../../kernel/index.js';
import type { Gate } from '../../../models/index.js';
import type { PrometheusAnswer } from '../../../platform/prometheus/index.js';
import { versionLabel } from '../../../serving/index.js';
import { type BoundPromql, bindPromql } from './bind-promql.js';
import { type Asking, type Measured, WrongAnswer } from './asking.js';
import { readParts, staleness } from './read-parts.js';
import { combined } from './typed-question.js';

type PromqlGate = Extract<Gate, { kind: 'promql' }>;

/**
 * Asks an operator's own query, and beside it what nobody writes down: how many samples its selectors have had since the
 * step began, how old the newest is, and of how many series. Samples and age are those of the selector that has least of
 * them among those that have any, so that `… or vector(0)` works for a counter that never was, and nothing works without data.
 * @throws WrongAnswer and what `PrometheusClient.query` throws
 */
export async function measurePromql(gate: PromqlGate, asking: Asking): Promise<Measured> {
  const { prometheus, at, since } = asking;
  const windowMs = at.getTime() - since.getTime();
  const bound = bindGate(gate.query, asking, windowMs);
  const [answer, companions] = await Promise.all([
    prometheus.query(bound.text, at),
    prometheus.query(companionQuery(bound, windowMs), at),
  ]);
  const value = oneNumber(answer);
  const { samples, newest, sources } = readCompanions(companions, bound);
  const evidence: Evidence = {
    name: gate.name ?? 'promql',
    value,
    samples,
    newestAt: newest === null ? null : asking.ours(newest),
    series: answer.samples.length,
    sources,
    warnings: [...answer.warnings, ...companions.warnings, ...staleness(newest, asking)],
    query: `${bound.text} # at ${at.toISOString()}`,
  };
  const early = bound.reachMs - windowMs;
  const waits = early > 0 ? `it looks back to before the step for another ${Math.ceil(early / 1000)} s` : null;
  return { candidate: { value: value ?? Number.NaN, samples }, champion: null, evidence: [evidence], waits };
}

/** The query with its placeholders replaced. @throws WrongAnswer when it has faults, which admission would have refused */
export function bindGate(
  query: string,
  { model, versions }: Pick<Asking, 'model' | 'versions'>,
  windowMs: number,
): BoundPromql {
  const [candidate, champion] = [versionLabel(versions.candidate), versionLabel(versions.champion)];
  try {
    return bindPromql(query, { model, candidate, champion, windowMs });
  } catch (error) {
    throw new WrongAnswer((error as Error).message, { cause: error });
  }
}

/** The only number of an answer; null when there is none, or several. @throws WrongAnswer when it can never be one */
export function oneNumber({ type, samples }: PrometheusAnswer): number | null {
  if (type === 'matrix' || type === 'string') throw new WrongAnswer(`the query gives a ${type} and not one number`);
  return samples.length === 1 ? (samples[0]?.value ?? null) : null;
}

function companionQuery({ selectors }: BoundPromql, windowMs: number): string {
  const parts = selectors.flatMap(({ text }, at): [string, string][] => [
    [`samples${at}`, `sum(count_over_time(${text}[${windowMs}ms]))`],
    [`newest${at}`, `max(timestamp(${text}))`],
    [`series${at}`, `count(${text})`],
  ]);
  return combined(Object.fromEntries(parts));
}

function readCompanions(
  answer: PrometheusAnswer,
  { selectors }: BoundPromql,
): { readonly samples: number; readonly newest: Date | null; readonly sources: number } {
  const { one } = readParts(answer);
  const seen = selectors
    .map((_, at) => ({
      samples: one(`samples${at}`) ?? 0,
      newest: one(`newest${at}`),
      series: one(`series${at}`) ?? 0,
    }))
    .filter(({ samples }) => samples > 0);
  const stalest = seen.map(({ newest }) => newest ?? Number.NEGATIVE_INFINITY);
  const newest = Math.min(...stalest);
  return {
    samples: seen.length === 0 ? 0 : Math.min(...seen.map(({ samples }) => samples)),
    newest: Number.isFinite(newest) ? new Date(Math.round(newest * 1000)) : null,
    sources: seen.reduce((sum, { series }) => sum + series, 0),
  };
}
