import type { Gate } from '../../../models/index.js';
import {
  type PrometheusAnswer,
  type PrometheusClient,
  PrometheusUnavailable,
  QueryNotExecuted,
  QueryRefused,
} from '../../../platform/prometheus/index.js';
import { LATENCY_BOUNDS } from '../../../serving/index.js';
import { GateAdmission } from '../../ports.js';
import { bindPromql, promqlFaults } from './bind-promql.js';

/** Stands in for what a rollout will bind: a query must be sound before there is one. */
const REHEARSAL = { model: 'a-model', candidate: '000000000000', champion: '000000000001', windowMs: 60_000 };

/** With a Prometheus: a `promql` gate is parsed and asked once before its document is accepted. */
export class PrometheusGateAdmission extends GateAdmission {
  constructor(private readonly prometheus: PrometheusClient) {
    super();
  }

  override async check(gate: Gate): Promise<string[]> {
    switch (gate.kind) {
      case 'promql':
        return this.checkQuery(gate);
      case 'latency-p95':
      case 'latency-p99': {
        const least = (LATENCY_BOUNDS[0] ?? 0) * 1000;
        return gate.maxMs < least ? [`no ceiling below ${least} ms can be told from the gateways' histograms`] : [];
      }
      default:
        return [];
    }
  }

  private async checkQuery({ query, min, max }: Extract<Gate, { kind: 'promql' }>): Promise<string[]> {
    const faults = promqlFaults(query);
    if (min === null && max === null) faults.push('needs min, max or both');
    if (faults.length > 0) return faults;
    try {
      return answerFaults(await this.prometheus.query(bindPromql(query, REHEARSAL).text));
    } catch (error) {
      if (error instanceof QueryRefused || error instanceof QueryNotExecuted)
        return [`Prometheus says: ${error.explanation}`];
      if (error instanceof PrometheusUnavailable) return []; // that nobody answers now is no fault of the gate
      throw error;
    }
  }
}

function answerFaults({ type, samples }: PrometheusAnswer): string[] {
  if (type === 'matrix' || type === 'string') return [`must give one number, not a ${type}`];
  return samples.length > 1 ? [`must give one number, and gives ${samples.length} series now: aggregate them`] : [];
}
