/** What a route says about the candidate's share. */
export interface RouteSight {
  /** In percent; null when it cannot be told. */
  readonly weight: number | null;
  /** Why the weight is null, or what else has to be known of it; null when there is nothing to say. */
  readonly reason: string | null;
  /** True when the guardian took the traffic back. */
  readonly lapsed: boolean;
  /** True when the route cannot be used as it stands, and waiting does not help. */
  readonly refused?: boolean;
}
