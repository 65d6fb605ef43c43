let done = false;

/**
 * kafkajs asks for a timer in the past once a process; Node takes it as 1 ms and would print a warning about it. Only that
 * one warning is left out.
 */
export function quietenTimers(): void {
  if (done) return;
  done = true;
  const emit = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]): void => {
    if (args[1] !== 'TimeoutNegativeWarning') emit(...args);
  };
}
