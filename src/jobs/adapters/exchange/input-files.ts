import { type Digest, isDigest } from '../../../kernel/index.js';

/**
 * The document as an attempt elsewhere gets it: every file is called `inputs/<64 hex digits>`, because the paths of this
 * machine are none of its business.
 */
export function withoutPaths(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return rewrite(document) as Readonly<Record<string, unknown>>;
}

/** Digests of the files that a document names: all that its attempt may read. */
export function inputsOf(document: unknown): ReadonlySet<Digest> {
  const found = new Set<Digest>();
  const open: unknown[] = [document];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (isFile(value)) found.add(value.digest);
    else open.push(...(Object.values(value) as unknown[]));
  }
  return found;
}

function rewrite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewrite);
  if (typeof value !== 'object' || value === null) return value;
  if (isFile(value)) return { ...value, path: `inputs/${value.digest.slice('sha256:'.length)}` };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rewrite(inner)]));
}

function isFile(value: object): value is { readonly path: string; readonly digest: Digest } {
  const { path, digest } = value as { path?: unknown; digest?: unknown };
  return typeof path === 'string' && typeof digest === 'string' && isDigest(digest);
}
