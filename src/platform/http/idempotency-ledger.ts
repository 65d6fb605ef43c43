/** Whose key it is: two actors may use the same one. */
export interface RequestKey {
  readonly actor: string;
  readonly key: string;
}

/** How a request was answered; `body` is JSON text, null when nothing was said. */
export interface StoredAnswer {
  /** sha256 over method, URL and body: the same key must mean the same request. */
  readonly hash: string;
  readonly status: number;
  readonly body: string | null;
}

/** Answers by `Idempotency-Key`, kept for 24 hours. */
export abstract class IdempotencyLedger {
  /**
   * Runs `work` in one unit of work, given what was answered before; what it keeps and what it changed are committed
   * together, so that after a crash either both are there or nothing is and the same request runs again.
   * @throws RequestInFlight at once when somebody else is at the same key
   */
  abstract once<T>(key: RequestKey, work: (known: StoredAnswer | null) => Promise<T>): Promise<T>;
  /** The first answer stays. Joins the unit of work. */
  abstract keep(key: RequestKey, answer: StoredAnswer): Promise<void>;
}
