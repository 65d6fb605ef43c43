import type { Clock, Evidence } from '../../../kernel/index.js';
import type { Gate } from '../../../models/index.js';
import {
  type PrometheusClient,
  PrometheusUnavailable,
  QueryNotExecuted,
  QueryRefused,
} from '../../../platform/prometheus/index.js';
import { judgeGate } from '../../domain/judge-gate.js';
import type { GateReading } from '../../domain/rollout.js';
import { GateMeter } from '../../ports.js';
import { type Asking, type Measured, WrongAnswer } from './asking.js';
import { measureGateway } from './measure-gateway.js';
import { measurePromql } from './measure-promql.js';
import { ServerClock } from './server-clock.js';

type Versions = Asking['versions'];

/**
 * Reads gates from a Prometheus: error ratio and latency from the series of our gateways, `promql` from whatever the query
 * names. Accuracy and agreement come from the windows also here: windows count each answer once and by the time of its
 * request, while a counter would count a late label in whatever step it arrives.
 */
export class PrometheusGateMeter extends GateMeter {
  private readonly serverClock: ServerClock;
  private readonly asked = new Map<string, { readonly at: number; readonly reading: Promise<GateReading> }>();

  constructor(
    private readonly prometheus: PrometheusClient,
    private readonly windows: GateMeter,
    private readonly clock: Clock,
    private readonly limits: { readonly staleSeconds: number; readonly askSeconds: number },
  ) {
    super();
    this.serverClock = new ServerClock(prometheus, clock);
  }

  override read(model: string, gate: Gate, versions: Versions, notBefore: Date): Promise<GateReading> {
    if (gate.kind === 'accuracy' || gate.kind === 'agreement')
      return this.windows.read(model, gate, versions, notBefore);
    const now = this.clock.now().getTime();
    for (const [key, { at }] of this.asked) if (now - at >= this.limits.askSeconds * 1000) this.asked.delete(key);
    const key = JSON.stringify([model, gate, versions, notBefore]);
    const reading = this.asked.get(key)?.reading ?? this.ask(model, gate, versions, notBefore);
    if (!this.asked.has(key)) this.asked.set(key, { at: now, reading });
    return reading;
  }

  private async ask(
    model: string,
    gate: Exclude<Gate, { kind: 'accuracy' | 'agreement' }>,
    versions: Versions,
    notBefore: Date,
  ): Promise<GateReading> {
    try {
      const { now: at, theirs, ours } = await this.serverClock.time();
      const since = theirs(notBefore);
      if (since >= at) return this.reading(gate, { verdict: 'BLIND', reason: 'the step has only just begun' });
      const staleMs = this.limits.staleSeconds * 1000;
      const asking: Asking = { prometheus: this.prometheus, model, versions, at, since, ours, staleMs };
      const measured = await (gate.kind === 'promql' ? measurePromql(gate, asking) : measureGateway(gate, asking));
      return this.judged(gate, measured, notBefore);
    } catch (error) {
      return this.reading(gate, { verdict: verdictOf(error), reason: (error as Error).message });
    }
  }

  private judged(gate: Gate, measured: Measured, notBefore: Date): GateReading {
    const judged = judgeGate(gate, measured, notBefore);
    const isEarly = measured.waits !== null && judged.verdict !== 'BLIND' && judged.verdict !== 'INVALID';
    const said = isEarly ? { verdict: 'UNDECIDED' as const, reason: `${judged.reason}; ${measured.waits}` } : judged;
    return this.reading(gate, said, measured.evidence);
  }

  private reading(
    gate: Gate,
    { verdict, reason }: Pick<GateReading, 'verdict' | 'reason'>,
    evidence: readonly Evidence[] = [],
  ): GateReading {
    return { gate, verdict, reason, evidence, at: this.clock.now() };
  }
}

/**
 * A question that Prometheus does not understand is wrong; one that it cannot execute on the present data, and no answer at
 * all, say nothing about the model. @throws what is neither, which is a defect of ours
 */
function verdictOf(error: unknown): 'INVALID' | 'BLIND' {
  if (error instanceof QueryRefused || error instanceof WrongAnswer) return 'INVALID';
  if (error instanceof QueryNotExecuted || error instanceof PrometheusUnavailable) return 'BLIND';
  throw error;
}
