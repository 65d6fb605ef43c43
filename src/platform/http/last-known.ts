import type { Clock } from '../../kernel/index.js';

export interface Trust {
  /** How old an answer may be that stands in for the store's. */
  readonly believedMs: number;
  /** How long the store is waited for when an older answer is there. */
  readonly patienceMs: number;
  /** How long the store is not asked again after it failed. */
  readonly pauseMs: number;
}

/** Answers of a store, kept for the time in which it cannot be asked. While it can, it is asked every time. */
export class LastKnown<Value> {
  private readonly answers = new Map<string, { readonly value: Value; readonly at: number }>();
  private awayUntil = 0;

  constructor(
    private readonly clock: Clock,
    private readonly trust: Trust,
    /** Answers that are not worth keeping, so that strangers cannot fill the memory. */
    private readonly worthKeeping: (value: Value) => boolean = () => true,
  ) {}

  /** The store's answer, or the last one when the store fails or is slow; its failure when there is none. */
  async ask(key: string, question: () => Promise<Value>): Promise<Value> {
    const now = this.clock.now().getTime();
    const known = this.answers.get(key);
    if (known === undefined || now - known.at > this.trust.believedMs) return this.refresh(key, question);
    if (now < this.awayUntil) return known.value;
    try {
      return await within(this.trust.patienceMs, this.refresh(key, question));
    } catch {
      this.awayUntil = now + this.trust.pauseMs;
      return known.value;
    }
  }

  private async refresh(key: string, question: () => Promise<Value>): Promise<Value> {
    const at = this.clock.now().getTime();
    const value = await question();
    if (this.worthKeeping(value)) this.answers.set(key, { value, at });
    else this.answers.delete(key);
    return value;
  }
}

async function within<Value>(milliseconds: number, answer: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${milliseconds} ms`));
    }, milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
