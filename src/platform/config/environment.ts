/** The one place that reads the process's environment; everything else is handed its parsed slice. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
