/** Command and leading arguments that run `program` so that Linux ends it when its starter is gone, however that ended. */
export function diesWithParent(program: string): [string, string[]];
