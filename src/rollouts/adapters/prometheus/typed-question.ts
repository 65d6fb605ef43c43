import type { Digest } from '../../../kernel/index.js';
import type { Gate } from '../../../models/index.js';
import { ANSWERS_SERIES, LATENCY_SERIES, OK_OUTCOME, versionLabel } from '../../../serving/index.js';
import { quoted } from './quoting.js';

/** Gates that our gateways' own series answer. */
export type GatewayGate = Extract<Gate, { kind: 'error-ratio' | 'latency-p95' | 'latency-p99' }>;

/** Name of the label that tells the parts of a combined answer apart. */
export const PART = 'ratchet_part';

/**
 * The one query that a typed gate compiles to. Its parts come from one evaluation, so that count, value and age belong
 * together: `total` and `events`, or `bucket` by `le`; `newest` = time of the newest sample; `sources` = gateways.
 *
 * Growth within the window is the last sample minus the least one, not `increase()`: nothing is extrapolated, so these are
 * whole answers, each newer than the window's first scrape. A gateway that restarted counts only what came after (its least
 * sample is the new beginning), which is less than the truth and never more.
 */
export function typedQuestion(gate: GatewayGate, model: string, version: Digest, windowMs: number): string {
  const matchers = `model=${quoted(model)},version=${quoted(versionLabel(version))}`;
  const window = `[${Math.floor(windowMs)}ms]`;
  const grown = (series: string): string => `(last_over_time(${series}${window}) - min_over_time(${series}${window}))`;
  if (gate.kind === 'error-ratio') {
    const answers = `${ANSWERS_SERIES}{${matchers}}`;
    const errors = `${ANSWERS_SERIES}{${matchers},outcome!=${quoted(OK_OUTCOME)}}`;
    return combined({
      total: `sum(${grown(answers)})`,
      events: `sum(${grown(errors)})`,
      newest: `max(timestamp(${answers}))`,
      sources: `count(count by (job, instance) (${answers}))`,
    });
  }
  const requests = `${LATENCY_SERIES}_count{${matchers}}`;
  return combined({
    bucket: `sum by (le) ${grown(`${LATENCY_SERIES}_bucket{${matchers}}`)}`,
    newest: `max(timestamp(${requests}))`,
    sources: `count(count by (job, instance) (${requests}))`,
  });
}

/** Several questions as one: each answer carries its name in the label `PART`. */
export function combined(parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts)
    .map(([name, query]) => `label_replace(${query}, ${quoted(PART)}, ${quoted(name)}, "", "")`)
    .join(' or ');
}
