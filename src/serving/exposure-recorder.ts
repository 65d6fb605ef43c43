import { createHash } from 'node:crypto';
import type { Arm, Route } from './domain/route.js';
import { effectiveWeight } from './domain/split.js';
import { exposuresTotal } from './metrics.js';
import type { Exposure, ExposureLog } from './ports.js';

/** Keys that wait to be written at most; further ones are not recorded and counted. */
const MOST_WAITING = 50_000;
/** Keys that are remembered as recorded, so that a key that comes again costs no write. */
const MOST_REMEMBERED = 200_000;

/** Remembers which request key came to which arm, once each, until it is written down. Costs one hash a request, and only where a route asks for it. */
export class ExposureRecorder {
  private readonly waiting = new Map<string, Exposure>();
  private remembered = new Set<string>();

  constructor(private readonly log: ExposureLog) {}

  /** Returns at once and never throws. While the route's lease is over nobody is assigned to anything, so nothing is noted. */
  note(route: Route, key: string, arm: Arm, at: Date): void {
    if (route.exposures !== true || effectiveWeight(route, at) === 0) return;
    const { salt } = route;
    const keyHash = createHash('sha256').update(`${salt}\0${key}`).digest('hex').slice(0, 32);
    const name = `${keyHash} ${arm}`;
    if (this.remembered.has(name) || this.waiting.has(name)) return;
    if (this.waiting.size >= MOST_WAITING) exposuresTotal.inc({ outcome: 'shed' });
    else this.waiting.set(name, { salt, keyHash, arm, at });
  }

  /** Writes what waits; what could not be written waits on. @throws whatever the log throws */
  async flush(): Promise<void> {
    const taken = [...this.waiting];
    if (taken.length === 0) return;
    await this.log.add(taken.map(([, exposure]) => exposure));
    if (this.remembered.size + taken.length > MOST_REMEMBERED) this.remembered = new Set();
    for (const [name] of taken) {
      this.waiting.delete(name);
      this.remembered.add(name);
    }
    exposuresTotal.inc({ outcome: 'recorded' }, taken.length);
  }
}
