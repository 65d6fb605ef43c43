/** A kind of object as the API server addresses it; the core group is ''. */
export interface ResourceKind {
  readonly group: string;
  readonly version: string;
  /** As it stands in the URL, e.g. `httproutes`. */
  readonly plural: string;
}

const PART = /^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$/;

/** URL path of a collection (name absent) or of one object; namespace null = of the whole cluster. @throws TypeError */
export function resourcePath(kind: ResourceKind, namespace: string | null, name?: string, sub?: string): string {
  const parts = [
    kind.group === '' ? 'api' : `apis/${safe(kind.group)}`,
    safe(kind.version),
    ...(namespace === null ? [] : ['namespaces', safe(namespace)]),
    safe(kind.plural),
    ...(name === undefined ? [] : [safe(name)]),
    ...(sub === undefined ? [] : [safe(sub)]),
  ];
  return `/${parts.join('/')}`;
}

/** Names come from documents that users write: none may climb out of its place in the path. */
function safe(part: string): string {
  if (!PART.test(part)) throw new TypeError(`"${part}" cannot be part of a Kubernetes name.`);
  return part;
}
