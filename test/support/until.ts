const LOOK_EVERY_MS = 50;

/** Looks until there is something. What it saw last is in the error, so that a red test says where the loop stands. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null>,
  seconds = 20,
  state?: () => unknown,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > deadline) {
      const last = state === undefined ? '' : ` It stands at ${JSON.stringify(await state())}`;
      throw new Error(`Within ${seconds} s there was no ${what}.${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
