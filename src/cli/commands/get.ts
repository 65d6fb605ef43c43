import { segment } from '../client.js';
import { EXIT, Failure } from '../failure.js';
import { KINDS, PERIOD_COLUMNS } from '../kinds.js';
import { document } from '../output.js';
import type { Session } from '../session.js';

interface List {
  readonly items: readonly object[];
}

/** `get KIND [ID] -m MODEL` */
export async function get(
  session: Session,
  kindName: string,
  id: string | undefined,
  model: string | undefined,
): Promise<void> {
  const kind = KINDS[kindName];
  if (kind === undefined)
    throw new Failure(`There is no kind "${kindName}": ${Object.keys(KINDS).join(', ')}.`, EXIT.usage);
  if (id !== undefined && kind.one !== undefined) {
    const one = await session.client.get<object>(kind.one(segment(id)));
    session.show(one, () => document(one, 'yaml'));
    return;
  }
  const of = kind.ofAllModels === true ? '' : (model ?? (await onlyModel(session)));
  const answer = await session.client.get<List>(kind.list(segment(of)));
  if (id === undefined) {
    session.list(answer, kind.columns);
    return;
  }
  const found = answer.items.filter((item) =>
    Object.values(item).some((value) => value === id || isDigestPrefix(value, id)),
  );
  if (found.length === 0) throw new Failure(`There is no "${id}" among the ${kindName} of ${of}.`);
  session.show(found.length === 1 ? found[0] : found, () => document(found.length === 1 ? found[0] : found, 'yaml'));
}

/** `history MODEL [--at TIME]` */
export async function history(session: Session, model: string, at: string | undefined): Promise<void> {
  if (at !== undefined && Number.isNaN(Date.parse(at))) throw new Failure(`"${at}" is no time.`, EXIT.usage);
  const query = at === undefined ? '' : `?at=${encodeURIComponent(new Date(at).toISOString())}`;
  session.list(await session.client.get<List>(`/models/${segment(model)}/history${query}`), PERIOD_COLUMNS);
}

async function onlyModel(session: Session): Promise<string> {
  const { items } = await session.client.get<{ items: readonly { id: string }[] }>('/models');
  if (items.length === 1 && items[0] !== undefined) return items[0].id;
  const names = items.map(({ id }) => id).join(', ');
  throw new Failure(items.length === 0 ? 'There is no model yet.' : `Say which model with -m: ${names}.`, EXIT.usage);
}

/** Tables show the first twelve digits of a digest; those are enough to ask for it. */
function isDigestPrefix(value: unknown, id: string): boolean {
  return typeof value === 'string' && id.length >= 8 && value.startsWith(`sha256:${id.replace(/^sha256:/, '')}`);
}
