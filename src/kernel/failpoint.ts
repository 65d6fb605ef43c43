/** What happens at a named place; nothing unless somebody armed it. */
export type FailpointHook = (name: string) => void;

let hook: FailpointHook | null = null;

/**
 * A named place where a test may end or hinder the process: both sides of every commit (`UnitOfWork.run` has them) and
 * both sides of what is done outside the database. The name is a literal in the source (`jobs.launch:after`), so that
 * tests can list all of them. Costs one comparison while nothing is armed.
 */
export function failpoint(name: string): void {
  hook?.(name);
}

/** Installs what happens at failpoints; null disarms them. For tests and for the program's `RATCHET_FAILPOINT`. */
export function armFailpoints(armed: FailpointHook | null): void {
  hook = armed;
}
