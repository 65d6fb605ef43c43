import { segment } from '../client.js';
import { type Column, text } from '../output.js';
import type { Session } from '../session.js';

interface Budget {
  readonly spentSeconds: number;
  readonly budgetSeconds: number;
  readonly leftSeconds: number;
  readonly renewsAt: string | null;
}

interface Standing {
  readonly runnerSeconds: Budget;
  readonly gpuSeconds: Budget;
  readonly coolDownUntil: string | null;
  readonly quietUntil: string | null;
  readonly open: string | null;
  readonly changedBy: string | null;
  readonly changes: readonly { readonly kind: string; readonly id: string; readonly phase: string }[];
  readonly dryRun: boolean;
}

/** `triggers budget MODEL`: what holds triggers back, and until when. */
export async function triggerBudget(session: Session, model: string): Promise<void> {
  const standing = await session.client.get<Standing>(`/models/${segment(model)}/trigger-budget`);
  session.show(standing, () => budgetLines(standing).join('\n'));
}

function budgetLines(standing: Standing): string[] {
  const { runnerSeconds, gpuSeconds, coolDownUntil, quietUntil, open, changedBy, changes, dryRun } = standing;
  const budget = ({ spentSeconds, budgetSeconds, leftSeconds, renewsAt }: Budget): string => {
    const renews = renewsAt === null ? '' : `; something is left again at ${text(renewsAt)}`;
    return `${text(spentSeconds)} of ${text(budgetSeconds)} s spent in 24 hours, ${text(leftSeconds)} s left${renews}`;
  };
  const until = (time: string | null, no: string): string => (time === null ? no : `until ${text(time)}`);
  const under = [...(changedBy === null ? [] : [changedBy]), ...changes.map(({ id, phase }) => `${id} (${phase})`)];
  return [
    `runner time    ${budget(runnerSeconds)}`,
    `GPU time       ${budget(gpuSeconds)}`,
    `cool-down      ${until(coolDownUntil, 'none')}`,
    `quiet hours    ${until(quietUntil, 'not now')}`,
    `open trigger   ${open ?? 'none'}`,
    `changes        ${under.length === 0 ? 'none' : under.join(', ')}`,
    ...(dryRun ? ['dry run        nothing is opened while it is on'] : []),
  ];
}

interface LadderStanding {
  readonly cause: string;
  readonly source: string;
  readonly fault: string | null;
  readonly remedies: readonly object[];
}

const REMEDY_COLUMNS: readonly Column[] = [
  ['CAUSE', (row: { cause: string }) => row.cause],
  ['NEXT', (row: { place: number }) => row.place],
  ['REMEDY', (row: { remedy: string }) => row.remedy],
  ['RUNG', (row: { rung: number }) => row.rung + 1],
  ['TRIED', (row: { tried: number }) => row.tried],
  ['PROMOTED', (row: { promoted: number }) => row.promoted],
  ['ELSEWHERE', (row: { elsewhere: number }) => row.elsewhere],
  ['SUCCESS', (row: { success: number }) => row.success],
  ['SECONDS', (row: { costSeconds: number }) => row.costSeconds],
  ['A SUCCESS', (row: { secondsPerSuccess: number }) => row.secondsPerSuccess],
  ['LEARNED', (row: { learned: boolean }) => row.learned],
];

/** `triggers ladder MODEL`: the remedies of every cause in the order in which they would be tried. */
export async function triggerLadder(session: Session, model: string): Promise<void> {
  const answer = await session.client.get<{ items: readonly LadderStanding[] }>(`/models/${segment(model)}/remedies`);
  for (const { fault } of answer.items) if (fault !== null) session.note(fault);
  if (session.format !== 'table') {
    session.list(answer, []);
    return;
  }
  const items = answer.items.flatMap(({ cause, remedies }) =>
    remedies.map((remedy, at) => ({ cause, place: at + 1, ...remedy })),
  );
  session.list({ items }, REMEDY_COLUMNS);
}

interface Explained {
  readonly id: string;
  readonly model: string;
  readonly createdAt: string;
  readonly spec: {
    readonly cause: string;
    readonly remedy: { readonly name?: string; readonly recipe: string };
    readonly reasons: readonly string[];
    readonly findings: readonly { readonly monitor: string; readonly state: string; readonly explanation: string }[];
  };
  readonly status: {
    readonly phase: string;
    readonly outcome?: string;
    readonly detail?: string;
    readonly achieved?: {
      readonly decidedBy: string;
      readonly candidate: string | null;
      readonly promotion: string | null;
      readonly figures: Readonly<Record<string, unknown>> | null;
    };
  };
  readonly charge: { readonly runnerSeconds: number; readonly gpuSeconds: number } | null;
}

/** `triggers explain TRIGGER`: why it was opened, what it cost and what came of it, in sentences. */
export async function explainTrigger(session: Session, id: string): Promise<void> {
  const trigger = await session.client.get<Explained>(`/triggers/${segment(id)}`);
  session.show(trigger, () => explanation(trigger).join('\n'));
}

function explanation({ id, model, createdAt, spec, status, charge }: Explained): string[] {
  const { achieved } = status;
  const cost =
    charge === null
      ? 'No runner time was charged yet.'
      : `It cost ${text(charge.runnerSeconds)} s of runner time and ${text(charge.gpuSeconds)} s of GPU time.`;
  const end =
    status.outcome === undefined ? `It is ${status.phase}.` : `It was ${status.outcome}: ${status.detail ?? ''}`;
  const came =
    achieved === undefined
      ? []
      : [
          `Decided by ${achieved.decidedBy}; record ${achieved.candidate ?? '–'}, promotion ${achieved.promotion ?? '–'}.`,
        ];
  const figures = achieved?.figures ?? null;
  return [
    `${id} was opened for ${model} at ${text(createdAt)}: ${spec.cause}, ${spec.remedy.name ?? spec.remedy.recipe}.`,
    ...spec.reasons.map((reason) => `  because  ${text(reason)}`),
    ...spec.findings
      .filter(({ state }) => state === 'alarm')
      .map(({ monitor, explanation: why }) => `  alarm    ${monitor}: ${text(why)}`),
    cost,
    end,
    ...came,
    ...(figures === null ? [] : Object.entries(figures).map(([name, value]) => `  ${name}: ${text(value)}`)),
  ];
}
