import { Injectable } from '@nestjs/common';
import { assertNever, Clock, type Digest, type Evidence } from '../../../kernel/index.js';
import type { Gate } from '../../../models/index.js';
import { LatencySketches, type LatencySummary, type Window, WindowStore } from '../../../telemetry/index.js';
import { type GateMeasurement, judgeGate } from '../../domain/judge-gate.js';
import type { GateReading } from '../../domain/rollout.js';
import { GateMeter } from '../../ports.js';

/** Reads typed gates from the telemetry windows that began after the step was in force. */
@Injectable()
export class WindowGateMeter extends GateMeter {
  constructor(
    private readonly windows: WindowStore,
    private readonly sketches: LatencySketches,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async read(
    model: string,
    gate: Gate,
    versions: { readonly champion: Digest; readonly candidate: Digest },
    notBefore: Date,
  ): Promise<GateReading> {
    if (gate.kind === 'promql') {
      const reason = 'A promql gate needs a Prometheus (PROMETHEUS_URL).';
      return { gate, verdict: 'INVALID', reason, evidence: [], at: this.clock.now() };
    }
    const candidate = await this.windows.list(model, versions.candidate, notBefore);
    const champion = gate.kind === 'accuracy' ? await this.windows.list(model, versions.champion, notBefore) : null;
    const measured = this.measure(gate, candidate, champion, notBefore);
    const { verdict, reason } = judgeGate(gate, measured, notBefore);
    return { gate, verdict, reason, evidence: measured.evidence, at: this.clock.now() };
  }

  private measure(
    gate: Exclude<Gate, { readonly kind: 'promql' }>,
    candidate: readonly Window[],
    champion: readonly Window[] | null,
    since: Date,
  ): GateMeasurement {
    switch (gate.kind) {
      case 'error-ratio': {
        const ours = { value: sum(candidate, 'errors'), samples: sum(candidate, 'requests') };
        return {
          candidate: ours,
          champion: null,
          evidence: [share('error_ratio', 'candidate', ours, candidate, since)],
        };
      }
      case 'latency-p95':
      case 'latency-p99': {
        const merged = this.sketches.merge(candidate);
        const latency = merged.quantile(gate.kind === 'latency-p95' ? 0.95 : 0.99);
        const name = `latency_${gate.kind.slice(-3)}_milliseconds`;
        const evidence = evidenceOf(name, 'candidate', latency, merged.count, candidate, since);
        // A sketch knows each latency within 1 %.
        const slow = { value: countAbove(merged, gate.maxMs * 1.01), atMost: countAbove(merged, gate.maxMs / 1.01) };
        return { candidate: { ...slow, samples: merged.count }, champion: null, evidence: [evidence] };
      }
      case 'agreement': {
        const ours = { value: sum(candidate, 'agreed'), samples: sum(candidate, 'compared') };
        return {
          candidate: ours,
          champion: null,
          evidence: [share('agreement', 'candidate', ours, candidate, since)],
        };
      }

      case 'accuracy': {
        const ours = { value: sum(candidate, 'correct'), samples: sum(candidate, 'labelled') };
        const theirs = { value: sum(champion ?? [], 'correct'), samples: sum(champion ?? [], 'labelled') };
        const evidence = [
          share('accuracy', 'candidate', ours, candidate, since),
          share('accuracy', 'champion', theirs, champion ?? [], since),
        ];
        return { candidate: ours, champion: theirs, evidence };
      }
      default:
        return assertNever(gate);
    }
  }
}

/** How many of the latencies are above so many milliseconds, as their ranks tell. */
function countAbove(latencies: LatencySummary, milliseconds: number): number {
  const { count } = latencies;
  let [low, high] = [0, count];
  while (low < high) {
    const rank = Math.floor((low + high) / 2);
    // Half a rank more, so that rounding cannot name the one before.
    const value = latencies.quantile(count === 1 ? 1 : Math.min(1, (rank + 0.5) / (count - 1))) ?? 0;
    if (value > milliseconds) high = rank;
    else low = rank + 1;
  }
  return count - low;
}

function sum(
  windows: readonly Window[],
  field: 'errors' | 'requests' | 'correct' | 'labelled' | 'agreed' | 'compared',
): number {
  return windows.reduce((total, window) => total + window[field], 0);
}

function share(
  name: string,
  of: string,
  { value, samples }: { value: number; samples: number },
  windows: readonly Window[],
  since: Date,
): Evidence {
  return evidenceOf(name, of, samples === 0 ? null : value / samples, samples, windows, since);
}

function evidenceOf(
  name: string,
  of: string,
  value: number | null,
  samples: number,
  windows: readonly Window[],
  since: Date,
): Evidence {
  const newest = Math.max(...windows.map((window) => window.newestAt.getTime()));
  return {
    name: `${name} of the ${of}`,
    value,
    samples,
    newestAt: windows.length === 0 ? null : new Date(newest),
    series: 1,
    warnings: [],
    query: `windows of the ${of} that start at or after ${since.toISOString()}`,
  };
}
