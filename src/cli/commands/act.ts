import { segment } from '../client.js';
import { EXIT, Failure } from '../failure.js';
import { readDocuments } from '../read-file.js';
import type { Session } from '../session.js';
import { uploadArtifact } from '../upload.js';

interface Aggregate {
  readonly id: string;
  readonly status: { readonly phase: string };
}

/** `approve PROMOTION`, `abort ROLLOUT`, …: a verb on one thing, with a reason for the audit log. */
export async function act(
  session: Session,
  collection: string,
  verb: string,
  id: string,
  reason: string,
): Promise<void> {
  const answer = await session.client.verb<Aggregate>(`/${collection}/${segment(id)}/${verb}`, { reason });
  // It happens with the next pass, so the phase is often still the one before.
  session.show(answer, () => `${verb} of ${answer.id} is taken; it is ${answer.status.phase} now`);
}

/** `trigger MODEL --reason TEXT [--recipe NAME]` */
export async function trigger(
  session: Session,
  model: string,
  { reason, recipe }: { readonly reason: string; readonly recipe?: string },
): Promise<void> {
  const wish = { reason, ...(recipe !== undefined && { recipe }) };
  const answer = await session.client.post<Aggregate>(`/models/${segment(model)}/triggers`, wish);
  session.show(answer, () => `${answer.id} is ${answer.status.phase}`);
}

/** `submit MODEL FILE [--holdout FILE]`: a candidate made by hand. */
export async function submit(
  session: Session,
  model: string,
  file: string,
  holdout: string | undefined,
): Promise<void> {
  const digest = await uploadArtifact(session, file);
  const held = holdout === undefined ? {} : { holdout: await uploadArtifact(session, holdout) };
  const answer = await session.client.post<Aggregate>(`/models/${segment(model)}/candidates`, { digest, ...held });
  session.show(answer, () => `${answer.id} is ${answer.status.phase}`);
}

/** Labels are many more than a document's lines. */
const MAX_LABEL_BYTES = 64 * 1024 * 1024;
const BATCH = 2_000;

/** `label MODEL -f FILE`: `[{requestId, label}]`, bare or under `labels`, sent in batches. */
export async function label(session: Session, model: string, file: string): Promise<void> {
  const [document] = await readDocuments(file, MAX_LABEL_BYTES);
  const labels = Array.isArray(document) ? (document as unknown[]) : (document as { labels?: unknown } | null)?.labels;
  if (!Array.isArray(labels)) throw new Failure(`${file} has no list of labels.`, EXIT.usage);
  const answers: unknown[] = [];
  for (let at = 0; at < labels.length; at += BATCH) {
    answers.push(
      await session.client.post(`/models/${segment(model)}/labels`, { labels: labels.slice(at, at + BATCH) }),
    );
  }
  session.show(answers.length === 1 ? answers[0] : answers, () => {
    return `${labels.length} labels sent: ${totals(answers)}`;
  });
}

/** Sums the counts of several answers, e.g. `joined 1990, unknown 10`. */
function totals(answers: readonly unknown[]): string {
  const sums = new Map<string, number>();
  for (const answer of answers) {
    for (const [name, value] of Object.entries(answer as object)) {
      if (typeof value === 'number') sums.set(name, (sums.get(name) ?? 0) + value);
    }
  }
  return [...sums].map(([name, sum]) => `${name} ${sum}`).join(', ');
}
