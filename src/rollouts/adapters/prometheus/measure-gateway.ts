import { type Evidence } from '../../../kernel/index.js';
import type { PrometheusAnswer } from '../../../platform/prometheus/index.js';
import { readBuckets } from './latency-buckets.js';
import type { Asking, Measured } from './asking.js';
import { readParts, staleness } from './read-parts.js';
import { type GatewayGate, typedQuestion } from './typed-question.js';

/** Asks our gateways' series for what a typed gate needs. @throws what `PrometheusClient.query` throws */
export async function measureGateway(gate: GatewayGate, asking: Asking): Promise<Measured> {
  const { prometheus, model, versions, at, since } = asking;
  const query = typedQuestion(gate, model, versions.candidate, at.getTime() - since.getTime());
  const answer = await prometheus.query(query, at);
  const common = commonEvidence(answer, asking, query);
  return gate.kind === 'error-ratio' ? errors(answer, common) : latency(gate, answer, common);
}

type Common = Omit<Evidence, 'name' | 'value' | 'samples'>;

function errors(answer: PrometheusAnswer, common: Common): Measured {
  const { one } = readParts(answer);
  const [samples, value] = [one('total') ?? 0, one('events') ?? 0];
  const ratio = samples === 0 ? null : value / samples;
  const evidence = { ...common, name: 'error_ratio of the candidate', value: ratio, samples };
  return { candidate: { value, samples }, champion: null, evidence: [evidence], waits: null };
}

function latency(gate: Extract<GatewayGate, { maxMs: number }>, answer: PrometheusAnswer, common: Common): Measured {
  const q = gate.kind === 'latency-p95' ? 0.95 : 0.99;
  const buckets = readParts(answer)
    .all('bucket')
    .map(({ labels, value }) => ({ le: toBound(labels['le']), count: value }));
  const read = readBuckets(buckets, q, gate.maxMs / 1000);
  const isBroken = read === null && buckets.length > 0;
  const evidence: Evidence = {
    ...common,
    name: `latency_${gate.kind.slice(-3)}_milliseconds of the candidate`,
    value: read?.quantile == null ? null : read.quantile * 1000,
    samples: read?.samples ?? 0,
    warnings: isBroken ? [...common.warnings, 'the buckets are no histogram'] : common.warnings,
  };
  const { above = 0, atMostAbove = 0, samples = 0 } = read ?? {};
  return {
    candidate: { value: above, atMost: atMostAbove, samples },
    champion: null,
    evidence: [evidence],
    waits: null,
  };
}

function commonEvidence(answer: PrometheusAnswer, asking: Asking, query: string): Common {
  const { one } = readParts(answer);
  const seconds = one('newest');
  const newest = seconds === null ? null : new Date(Math.round(seconds * 1000));
  return {
    newestAt: newest === null ? null : asking.ours(newest),
    series: 1,
    sources: one('sources') ?? 0,
    warnings: [...answer.warnings, ...staleness(newest, asking)],
    query: `${query} # at ${asking.at.toISOString()}`,
  };
}

function toBound(le: string | undefined): number {
  return le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le ?? 'NaN');
}
