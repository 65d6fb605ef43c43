/** A JSON value that somebody else wrote; read with the functions below, which take nothing for granted. */
export type Json = unknown;

/** The value at a path of member names and indices; undefined where there is none. */
export function at(value: Json, ...path: readonly (string | number)[]): Json {
  let here = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = Object.hasOwn(here, step) ? (here as Record<string | number, Json>)[step] : undefined;
  }
  return here;
}

/** The list at a path; empty where there is none. */
export function listAt(value: Json, ...path: readonly (string | number)[]): readonly Json[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The text at a path; null where there is none or an empty one. */
export function textAt(value: Json, ...path: readonly (string | number)[]): string | null {
  const found = at(value, ...path);
  return typeof found === 'string' && found !== '' ? found : null;
}

/** The finite number at a path; null where there is none. */
export function numberAt(value: Json, ...path: readonly (string | number)[]): number | null {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}
