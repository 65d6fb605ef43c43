import { segment } from '../client.js';
import { EXIT, Failure } from '../failure.js';
import { AUDIT_COLUMNS, TOKEN_COLUMNS } from '../kinds.js';
import type { Session } from '../session.js';

interface List {
  readonly items: readonly object[];
}

/** Prints the token itself alone on standard output, so that a script can take it. */
export async function createToken(
  session: Session,
  name: string,
  role: string,
  expires: string | undefined,
): Promise<void> {
  if (expires !== undefined && Number.isNaN(Date.parse(expires)))
    throw new Failure(`"${expires}" is no time.`, EXIT.usage);
  const expiresAt = expires === undefined ? {} : { expiresAt: new Date(expires).toISOString() };
  const created = await session.client.post<{ id: string; token: string }>('/tokens', { name, role, ...expiresAt });
  session.note(`token ${created.id} for ${name} (${role}); it is shown this once:`);
  session.show(created, () => created.token);
}

export async function listTokens(session: Session): Promise<void> {
  session.list(await session.client.get<List>('/tokens'), TOKEN_COLUMNS);
}

export async function revokeToken(session: Session, id: string): Promise<void> {
  const token = await session.client.delete<{ id: string; name: string }>(`/tokens/${segment(id)}`);
  session.show(token, () => `token ${token.id} of ${token.name} is revoked`);
}

export async function listAudit(session: Session, limit: string): Promise<void> {
  session.list(await session.client.get<List>(`/audit?limit=${encodeURIComponent(limit)}`), AUDIT_COLUMNS);
}

type Verdict =
  | { readonly intact: true; readonly entries: number; readonly head: string }
  | { readonly intact: false; readonly seq: number; readonly reason: string };

export async function verifyAudit(session: Session): Promise<void> {
  const verdict = await session.client.get<Verdict>('/audit/verify');
  if (verdict.intact)
    session.show(verdict, () => `The audit log is intact: ${verdict.entries} entries, head ${verdict.head}`);
  else throw new Failure(`The audit log is broken at entry ${verdict.seq}: ${verdict.reason}.`);
}
