import { segment } from '../client.js';
import { EXIT, Failure } from '../failure.js';
import { LETTER_COLUMNS } from '../kinds.js';
import type { Session } from '../session.js';

/** Which dead letters, as the options say it. */
export interface LetterFilter {
  readonly model?: string;
  readonly class?: string;
  readonly topic?: string;
  readonly since?: string;
}

interface Letter {
  readonly id: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number | null;
  readonly model: string | null;
  readonly reason: { readonly class: string; readonly detail: string };
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly at: string;
  readonly format: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly head: string;
  readonly headHex: string;
  readonly replayedAt: string | null;
  readonly replayedBy: string | null;
  readonly notReplayable: string | null;
}

interface Report {
  readonly replayed: number;
  readonly refused: number;
  readonly skipped: readonly { readonly id: number; readonly reason: string }[];
}

/** `dlq list [-m MODEL] [--class CLASS] [--topic TOPIC] [--since TIME] [--before ID] [--limit COUNT]` */
export async function listLetters(
  session: Session,
  filter: LetterFilter & { readonly before?: string; readonly limit: string },
): Promise<void> {
  const query = new URLSearchParams(Object.entries({ ...filter, ...timeOf(filter) }));
  const answer = await session.client.get<{ items: readonly object[]; next: number | null }>(
    `/telemetry/dead-letters?${query.toString()}`,
  );
  session.list(answer, LETTER_COLUMNS);
  if (answer.next !== null) session.note(`there are more: --before ${answer.next}`);
}

/** `dlq show ID`: everything that is kept, with the first bytes as text and in hexadecimal. */
export async function showLetter(session: Session, id: string): Promise<void> {
  const letter = await session.client.get<Letter>(`/telemetry/dead-letters/${numberOf(id)}`);
  session.show(letter, () => describe(letter));
}

/** `dlq replay ID` or `dlq replay --all [filters]` */
export async function replayLetters(
  session: Session,
  id: string | undefined,
  options: LetterFilter & { readonly all?: true; readonly reason: string; readonly limit: string },
): Promise<void> {
  const { all, reason, limit, ...filter } = options;
  if ((id === undefined) === (all !== true)) {
    throw new Failure('Say either one ID, or --all (with filters, if not everything).', EXIT.usage);
  }
  if (id !== undefined && Object.keys(filter).length > 0) throw new Failure('Filters go with --all.', EXIT.usage);
  const report =
    id === undefined
      ? await session.client.post<Report>('/telemetry/dead-letters/replay', {
          ...{ ...filter, ...timeOf(filter) },
          reason,
          limit: wholeNumber(limit, '--limit'),
        })
      : await session.client.post<Report>(`/telemetry/dead-letters/${numberOf(id)}/replay`, { reason });
  session.show(report, () => `${report.replayed} replayed; ${report.refused} of them refused again (as new letters)`);
  for (const { id: skipped, reason: why } of report.skipped) session.note(`${skipped} was left out: ${why}`);
}

function timeOf({ since }: LetterFilter): { readonly since?: string } {
  if (since === undefined) return {};
  if (Number.isNaN(Date.parse(since))) throw new Failure(`"${since}" is no time.`, EXIT.usage);
  return { since: new Date(since).toISOString() };
}

function numberOf(id: string): string {
  return segment(String(wholeNumber(id, 'The ID')));
}

function wholeNumber(text: string, what: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Failure(`${what} must be a whole number, not "${text}".`, EXIT.usage);
  return Number(text);
}

function describe(letter: Letter): string {
  const { reason, topic, partition, offset } = letter;
  const replay = letter.replayedAt === null ? 'no' : `${letter.replayedAt} by ${letter.replayedBy ?? 'somebody'}`;
  const lines: readonly (readonly [string, string])[] = [
    ['ID', String(letter.id)],
    ['REASON', `${reason.class}: ${reason.detail}`],
    ['PLACE', `topic ${topic}, partition ${partition}, offset ${offset ?? 'none'}`],
    ['MODEL', letter.model ?? '–'],
    ['AT', letter.at],
    ['FORMAT', letter.format],
    ['HEADERS', JSON.stringify(letter.headers)],
    ['SHA256', letter.sha256],
    ['BYTES', String(letter.sizeBytes)],
    ['REPLAYED', replay],
    ['REPLAYABLE', letter.notReplayable === null ? 'yes' : `no: ${letter.notReplayable}`],
  ];
  const table = lines.map(([name, value]) => `${name.padEnd(10)}  ${plain(value)}`);
  return [...table, '', 'TEXT', plain(letter.head), '', 'HEX', ...hexLines(letter.headHex)].join('\n');
}

/** What was refused may come from anywhere; control characters would act on the terminal. */
function plain(text: string): string {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '·');
}

/** Sixteen bytes a line, at most the first 256. */
function hexLines(hex: string): string[] {
  const lines = hex.slice(0, 512).match(/.{1,32}/g) ?? [];
  return lines.map((line, i) => `${(i * 16).toString(16).padStart(4, '0')}  ${(line.match(/../g) ?? []).join(' ')}`);
}
