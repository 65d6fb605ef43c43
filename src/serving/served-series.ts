import type { Digest } from '../kernel/index.js';
import { ANSWER_ERRORS } from './domain/errors.js';
import { OK_OUTCOME, versionLabel } from './domain/gate-series.js';
import type { Arm, Route } from './domain/route.js';
import { answersTotal, requestSeconds } from './metrics.js';

/** Series of a version that no route names any more are kept so long, so that its last answers are scraped. */
const KEPT_MS = 15 * 60_000;

interface Named {
  readonly model: string;
  readonly arm: Arm;
  readonly version: string;
  /** When the last route that named it was replaced; null while one does. */
  since: number | null;
}

/**
 * Begins the series of a version with zeros when a route first names it, because Prometheus sees no growth in a counter
 * that was never scraped before its first event; and ends them some time after no route names it, because otherwise a
 * process would carry every version that it ever served.
 */
export class ServedSeries {
  private readonly named = new Map<string, Named>();

  /** Call it with all routes in force, again and again. */
  keep(routes: readonly Route[], nowMs: number): void {
    const wanted = new Set(routes.flatMap((route) => this.begin(route)));
    for (const [key, series] of this.named) {
      if (wanted.has(key)) series.since = null;
      else series.since ??= nowMs;
      if (series.since === null || nowMs - series.since < KEPT_MS) continue;
      this.named.delete(key);
      end(series);
    }
  }

  /** Call it before requests follow the route. Gives the keys of what it names. */
  begin({ model, stable, candidate }: Route): string[] {
    const arms: [Arm, Digest | null][] = [
      ['stable', stable],
      ['candidate', candidate],
    ];
    return arms.flatMap(([arm, digest]) => {
      if (digest === null) return [];
      const labels = { model, arm, version: versionLabel(digest) };
      const key = JSON.stringify(labels);
      if (!this.named.has(key)) {
        this.named.set(key, { ...labels, since: null });
        for (const outcome of [OK_OUTCOME, ...ANSWER_ERRORS]) answersTotal.inc({ ...labels, outcome }, 0);
        requestSeconds.zero(labels);
      }
      return [key];
    });
  }
}

function end({ model, arm, version }: Named): void {
  for (const outcome of [OK_OUTCOME, ...ANSWER_ERRORS]) answersTotal.remove({ model, arm, version, outcome });
  requestSeconds.remove({ model, arm, version });
}
