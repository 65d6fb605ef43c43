/**
 * The shape every stage keeps its state in.
 *
 * `spec` is what is wanted: written once by the stage before or by the API. `status` is what was observed: written only
 * by the stage's own reconciler, and a discriminated union on `phase`, so that each phase carries only what exists in it.
 */
export interface Aggregate<Spec, Status extends { readonly phase: string }> {
  /** Deterministic where the aggregate follows from another one, so that creating it twice is the same as once. */
  readonly id: string;
  /** Name of the model it belongs to. */
  readonly model: string;
  readonly spec: Spec;
  readonly status: Status;
  /** Optimistic version: a save with an outdated revision throws `RevisionConflict`. 0 = not saved yet. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A copy with a new status; the revision stays, because only the store raises it. */
export function withStatus<Spec, Status extends { readonly phase: string }>(
  aggregate: Aggregate<Spec, Status>,
  status: Status,
): Aggregate<Spec, Status> {
  return { ...aggregate, status };
}

/** A transition table: for each phase the phases that may follow it. A phase may always stay as it is. */
export type Transitions<Phase extends string> = Readonly<Record<Phase, readonly Phase[]>>;

/** True when `to` may follow `from`. */
export function mayFollow<Phase extends string>(table: Transitions<Phase>, from: Phase, to: Phase): boolean {
  return from === to || table[from].includes(to);
}

/** Phases from which nothing follows. */
export function terminalPhases<Phase extends string>(table: Transitions<Phase>): Phase[] {
  return (Object.keys(table) as Phase[]).filter((phase) => table[phase].length === 0);
}
