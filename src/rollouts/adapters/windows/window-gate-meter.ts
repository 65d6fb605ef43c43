import { Injectable } from '@nestjs/common';
import { assertNever, Clock, type Digest, type Evidence } from '../../../kernel/index.js';
import type { Gate } from '../../../models/index.js';
import { LatencySketches, type Window, WindowStore } from '../../../telemetry/index.js';
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
    const candidate = await this.windows.list(model, versions.candidate, notBefore);
    const champion = gate.kind === 'accuracy' ? await this.windows.list(model, versions.champion, notBefore) : null;
    const measured = this.measure(gate, candidate, champion, notBefore);
    const { verdict, reason } = judgeGate(gate, measured, notBefore);
    return { gate, verdict, reason, evidence: measured.evidence, at: this.clock.now() };
  }

  private measure(
    gate: Gate,
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
      case 'latency-p95': {
        const merged = this.sketches.merge(candidate);
        const p95 = merged.quantile(0.95);
        const evidence = evidenceOf('latency_p95_milliseconds', 'candidate', p95, merged.count, candidate, since);
        return { candidate: { value: p95 ?? Number.NaN, samples: merged.count }, champion: null, evidence: [evidence] };
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

function sum(windows: readonly Window[], field: 'errors' | 'requests' | 'correct' | 'labelled'): number {
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
