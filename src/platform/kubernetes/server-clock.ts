/** Answers that are looked at together; the clocks may drift, so old ones are forgotten. */
const ANSWERS = 16;
/** `Date` headers are cut to whole seconds. */
const CUT_MS = 1_000;

/**
 * How far another clock is ahead of ours, by the `Date` headers of its answers. Each was written between our question and
 * our receipt and is up to a second too early, so it bounds the difference from both sides; the bounds of some together
 * are narrower.
 */
export class ServerClock {
  private readonly heard: { readonly least: number; readonly most: number }[] = [];

  /** @param date the header, if there was one @param askedMs @param receivedMs our time before and after */
  hear(date: string | undefined, askedMs: number, receivedMs: number): void {
    const server = Date.parse(date ?? '');
    if (Number.isNaN(server)) return;
    this.heard.push({ least: server - receivedMs, most: server + CUT_MS - askedMs });
    if (this.heard.length > ANSWERS) this.heard.shift();
  }

  /** Whoever must not be early waits by `least`; whoever promises a time promises by `most`. Both 0 before anything was heard. */
  get aheadMs(): { readonly least: number; readonly most: number } {
    if (this.heard.length === 0) return { least: 0, most: 0 };
    const least = Math.max(...this.heard.map((each) => each.least));
    // A clock that was set in between leaves no difference that fits all answers.
    return { least, most: Math.max(least, Math.min(...this.heard.map((each) => each.most))) };
  }
}
