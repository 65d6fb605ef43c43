import { type EpisodeResult, playEpisode, type Truth, TRUTHS } from './episode.js';
import type { Pool } from './pool.js';
import { scriptFor, simulatedSpec } from './scripts.js';

/** Plays `episodes` of each cause on one model; the same every time. */
export function playAll(pool: Pool, episodes: number, labels: 'late' | 'none' = 'late'): EpisodeResult[] {
  return TRUTHS.flatMap((truth) =>
    Array.from({ length: episodes }, (_, n) => {
      const script = scriptFor(pool, simulatedSpec(pool, { labelDelaySeconds: 60 }), truth, n, labels);
      return playEpisode(pool, simulatedSpec(pool, script), script);
    }),
  );
}

/** True when the program made of it what it was: the cause named, or nothing done where nothing was. */
export function isRight({ script, verdict, remedy }: EpisodeResult): boolean {
  return script.truth === 'calm' ? verdict === 'none' && remedy === null : verdict === script.truth;
}

/** Share of the episodes of a cause that are right; of all episodes without one. */
export function rightShare(results: readonly EpisodeResult[], truth?: Truth): number {
  const of = truth === undefined ? results : results.filter(({ script }) => script.truth === truth);
  return of.filter(isRight).length / of.length;
}
