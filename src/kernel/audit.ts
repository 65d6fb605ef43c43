/** Who may do what. A higher role may do everything a lower one may: viewer < operator (may abort) < approver (may promote) < admin. */
export const ROLES = ['viewer', 'operator', 'approver', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Who acts: a person or program behind a token, or the control plane itself. */
export interface Actor {
  /** Token name, `loopback` without tokens, or `system:<stage>`. */
  readonly name: string;
  readonly role: Role;
}

/** One change, as the append-only log keeps it. */
export interface AuditEntry {
  readonly actor: string;
  readonly role: Role | 'system';
  /** `<stage>.<verb>`, e.g. `promotions.approve`. */
  readonly action: string;
  /** What it was done to, e.g. `promotion/digits-t1-c1-p`. */
  readonly subject: string;
  readonly reason: string;
  /** What changed; must survive JSON. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Append-only, hash-chained log. `append` must be called inside the unit of work of the change it tells of. */
export abstract class AuditLog {
  abstract append(entry: AuditEntry): Promise<void>;
}
