/** Answers that are looked at together; the clocks may drift, so old ones are forgotten. */
const ANSWERS = 16;

/**
 * How far another clock is ahead of ours, by the `Date` headers of its answers. They are cut to whole seconds and come
 * late, so each shows the difference too small by up to a second and the way here: the largest of some is nearest.
 */
export class ServerClock {
  private readonly seen: number[] = [];

  /** @param date the header, if there was one @param nowMs our time when it came */
  hear(date: string | undefined, nowMs: number): void {
    const server = Date.parse(date ?? '');
    if (Number.isNaN(server)) return;
    this.seen.push(server - nowMs);
    if (this.seen.length > ANSWERS) this.seen.shift();
  }

  /** 0 before anything was heard. Too small by at most a second: whoever waits for a time of the other clock waits no less. */
  get aheadMs(): number {
    return this.seen.length === 0 ? 0 : Math.max(...this.seen);
  }
}
