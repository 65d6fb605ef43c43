/** Ends every switch over a closed union: the compiler refuses a forgotten arm, the run names the value it met. */
export function assertNever(value: never): never {
  throw new TypeError(`Unexpected value: ${JSON.stringify(value)}`);
}
