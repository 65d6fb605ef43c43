import { setTimeout as delay } from 'node:timers/promises';
import type { ControlPlane } from './control-plane.js';
import { seeded } from './random.js';
import type { Chain } from './state.js';
import type { Traffic } from './traffic.js';
import type { View } from './view.js';

/** Points of a scenario at which the control plane may die; later ones include the earlier. */
const POINTS = [
  'nothing yet',
  'job',
  'job running',
  'candidate',
  'experiment',
  'experiment running',
  'rollout',
  'rollout progressing',
];

/** Kills the control plane once a scenario, at a moment that the seed decides, and starts it again. */
export class Chaos {
  private readonly random: (() => number) | null;
  private target = 0;
  private struck: string | null = 'off';

  constructor(
    seed: number | null,
    private readonly controlPlane: ControlPlane,
    private readonly traffic: Traffic,
    private readonly view: View,
  ) {
    this.random = seed === null ? null : seeded(seed);
  }

  /** Chooses the next moment; `points` bounds it for scenarios whose chain is shorter. */
  arm(points = POINTS.length): void {
    if (this.random === null) return;
    this.target = Math.floor(this.random() * points);
    this.struck = null;
  }

  /** Where it struck in this scenario; null when it did not. */
  get killedAt(): string | null {
    return this.struck === 'off' ? null : this.struck;
  }

  /** True when it has done its work for this scenario or has none. */
  get satisfied(): boolean {
    return this.struck !== null;
  }

  async strike(chain: Chain | null): Promise<void> {
    if (this.random === null || this.struck !== null || progress(chain) < this.target) return;
    await delay(this.random() * 1_500);
    this.struck = POINTS[this.target] ?? '';
    this.view.say(`⚡ kill -9 of the control plane (armed for: ${this.struck})`);
    this.traffic.outage = true;
    await this.controlPlane.kill();
    await delay(this.random() * 1_500);
    await this.controlPlane.start();
    this.traffic.outage = false;
    this.view.say('⚡ the control plane is back');
  }
}

function progress(chain: Chain | null): number {
  if (chain === null) return 0;
  if (chain.candidate?.status.phase === 'Refused') return POINTS.length; // nothing more will come
  if (chain.rollout !== undefined) return chain.rollout.status.phase === 'Pending' ? 6 : 7;
  if (chain.experiment !== undefined) return chain.experiment.status.phase === 'Waiting' ? 4 : 5;
  if (chain.candidate !== undefined) return 3;
  if (chain.job !== undefined) return chain.job.status.phase === 'Pending' ? 1 : 2;
  return 0;
}
