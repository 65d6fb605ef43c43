/**
 * What every change detector of this stage is: pure functions over a state of plain data.
 *
 * - `observe` never changes the state it is given, and knows neither clock nor chance.
 * - A state survives JSON bit for bit, so a stream may be cut anywhere by a restart.
 * - `observeAll` is `observe` folded over the batch, only faster.
 */
export interface Detector<State, Observation> {
  readonly name: string;
  /** `score` at or above it alarms. */
  readonly threshold: number;
  /** A detector that has seen nothing. */
  start(): State;
  observe(state: State, observation: Observation): State;
  observeAll(state: State, batch: readonly Observation[]): State;
  alarmed(state: State): boolean;
  /** In the unit of `threshold`; it may stay behind while an alarm stands. */
  score(state: State): number;
  /** Given only where the mathematics allows it: the state that has seen what `a` and then `b` have seen. */
  merge?(a: State, b: State): State;
}

/** Feeds a batch one by one: what `observeAll` must equal. */
export function fold<State, Observation>(
  detector: Pick<Detector<State, Observation>, 'observe'>,
  state: State,
  batch: readonly Observation[],
): State {
  return batch.reduce((before, observation) => detector.observe(before, observation), state);
}
