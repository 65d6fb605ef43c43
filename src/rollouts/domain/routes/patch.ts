/** One operation of a JSON Patch (RFC 6902). */
export type PatchOperation =
  | {
      readonly op: 'test' | 'add' | 'replace';
      /** JSON pointer (RFC 6901). */
      readonly path: string;
      readonly value: unknown;
    }
  | { readonly op: 'remove'; readonly path: string };

/** What to do with a route: change it, leave it, or say why that is not possible. Refused means that waiting does not help. */
export type RoutePlan =
  | { readonly kind: 'patch'; readonly operations: readonly PatchOperation[] }
  | { readonly kind: 'nothing'; readonly reason: string | null }
  | { readonly kind: 'refused'; readonly reason: string };

/** The JSON pointer to a path of member names and indices. */
export function pointer(...path: readonly (string | number)[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export function refused(reason: string): RoutePlan & { kind: 'refused' } {
  return { kind: 'refused', reason };
}

export function nothing(reason: string | null = null): RoutePlan & { kind: 'nothing' } {
  return { kind: 'nothing', reason };
}
