/** How long signals count as one: a terminal signals the whole group, and a parent may pass the same signal on. */
const ONE_SIGNAL_MS = 1_000;

/** What ends the program, and the clock; the process's own but in tests. */
export interface Ending {
  /** Closes what was opened. */
  readonly close: () => Promise<void>;
  readonly exit: (code: number) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** The first signal closes everything and exits; a later one, from somebody who will not wait, exits at once. */
export function stopOnSignal({ close, exit, now }: Ending): () => 'stopping' | 'again' | 'at once' {
  let since: number | undefined;
  return () => {
    if (since === undefined) {
      since = now();
      close().then(
        () => exit(0),
        () => exit(1),
      );
      return 'stopping';
    }
    if (now() - since < ONE_SIGNAL_MS) return 'again';
    exit(130);
    return 'at once';
  };
}
