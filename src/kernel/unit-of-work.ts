/** One transaction over the one store of state. */
export abstract class UnitOfWork {
  /**
   * Runs `work` in one transaction; every store called inside it joins. Commits when it resolves, rolls back when it
   * rejects. Nested calls join the outer transaction.
   */
  abstract run<T>(work: () => Promise<T>): Promise<T>;
}
