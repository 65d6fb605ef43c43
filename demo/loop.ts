import { setTimeout as delay } from 'node:timers/promises';
import type { Api } from './api.js';
import type { Chaos } from './chaos.js';
import type { LabelledImages } from './images.js';
import { type Chain, chainOf, type LoopState, readState } from './state.js';
import type { Traffic } from './traffic.js';
import type { View } from './view.js';

const POLL_MS = 400;

/** Thrown when what a scenario waits for does not come; its message is the problem that the summary shows. */
export class ScenarioProblem extends Error {}

/** What every scenario works with. */
export interface Stage {
  readonly api: Api;
  readonly model: string;
  readonly traffic: Traffic;
  readonly view: View;
  readonly images: LabelledImages;
  readonly chaos: Chaos;
  /** Images from here on are never served. */
  readonly unseenFrom: number;
  /** Path of an artifact's file. */
  artifact(digest: string): string;
  /** What earlier scenarios of this run left for later ones. */
  readonly memory: Map<string, string>;
}

/** Polls the loop, shows it, and returns once `done` gives something. @throws ScenarioProblem after `seconds` */
export async function watch<T>(
  stage: Stage,
  wanted: string,
  seconds: number,
  chainId: () => string | null,
  done: (state: LoopState) => T | null | undefined,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const state = await readState(stage.api, stage.model);
    const id = chainId();
    stage.view.show(state, id, `model ${stage.model} – ${figures(stage.traffic)}`);
    if (state !== null) {
      const found = done(state);
      if (found !== null && found !== undefined) return found;
      await stage.chaos.strike(id === null ? null : chainOf(state, id));
    }
    if (Date.now() > deadline) throw new ScenarioProblem(`${wanted} did not come within ${seconds} s`);
    await delay(POLL_MS);
  }
}

/** When each link of a chain was first seen to be complete, in milliseconds of `performance.now()`. */
export class Milestones {
  private readonly at = new Map<string, number>();

  note(chain: Chain): void {
    const ended = {
      job: chain.job !== undefined && ['Succeeded', 'Failed'].includes(chain.job.status.phase),
      evaluation: chain.candidate !== undefined && ['Accepted', 'Refused'].includes(chain.candidate.status.phase),
      experiment: chain.experiment?.status.phase === 'Concluded',
      rollout:
        chain.rollout !== undefined && ['Promoted', 'RolledBack', 'Aborted'].includes(chain.rollout.status.phase),
    };
    for (const [name, over] of Object.entries(ended)) if (over) this.mark(name);
  }

  mark(name: string): void {
    if (!this.at.has(name)) this.at.set(name, performance.now());
  }

  /** Seconds between two marks; null when one is missing. */
  between(from: string, to: string): number | null {
    const [start, end] = [this.at.get(from), this.at.get(to)];
    return start === undefined || end === undefined ? null : Math.max(0, (end - start) / 1000);
  }
}

function figures(traffic: Traffic): string {
  const accuracy = traffic.recentAccuracy;
  const { failed } = traffic.counted;
  return `traffic: ${traffic.requestsEver} requests, ${failed} failed, accuracy of the newest 500: ${accuracy === null ? '–' : `${(accuracy * 100).toFixed(1)} %`}`;
}
