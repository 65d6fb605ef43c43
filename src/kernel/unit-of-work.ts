/** Name of a commit: `<stage>.<what is done>`; a literal in the source, so that tests can list all of them. */
export type Boundary = `${string}.${string}`;

/** One transaction over the one store of state. */
export abstract class UnitOfWork {
  /**
   * Runs `work` in one transaction; every store called inside it joins. Commits when it resolves, rolls back when it
   * rejects. Nested calls join the outer transaction. `boundary` names the commit: the failpoints `<boundary>:before-commit`
   * and `<boundary>:after-commit` stand on both sides of it.
   */
  abstract run<T>(boundary: Boundary, work: () => Promise<T>): Promise<T>;
}
