import { segment } from '../client.js';
import { Failure } from '../failure.js';
import { type Column, table, text } from '../output.js';
import type { Session } from '../session.js';
import type { Reading, RolloutAnswer, Status } from './rollout-answers.js';

/** Finds a rollout by its id, or the newest one of a model. @throws Failure when there is neither */
export async function findRollout(session: Session, name: string): Promise<RolloutAnswer> {
  try {
    return await session.client.get<RolloutAnswer>(`/rollouts/${segment(name)}`);
  } catch (error) {
    const listed = await session.client
      .get<{ items: readonly { id: string }[] }>(`/models/${segment(name)}/rollouts`)
      .catch(() => null);
    const newest = listed?.items[0];
    if (newest === undefined) throw listed === null ? error : new Failure(`The model ${name} had no rollout yet.`);
    return session.client.get<RolloutAnswer>(`/rollouts/${segment(newest.id)}`);
  }
}

/** `rollout get NAME [-w]`: set and actual weight, gates and schedule; again and again until it is at rest. */
export async function getRollout(session: Session, name: string, watch: boolean): Promise<void> {
  let shown = '';
  for (;;) {
    const rollout = await findRollout(session, name);
    const now = rolloutLines(rollout).join('\n');
    // What only counts down is no news.
    const outline = JSON.stringify([rollout.status, rollout.request]);
    if (outline !== shown) session.show(rollout, () => now);
    shown = outline;
    if (!watch || isAtRest(rollout.status)) return;
    await pause(1_000);
  }
}

/** Exit codes of `rollout status`; documented in the README so that scripts may rely on them. */
const STATUS_EXIT = { promoted: 0, failed: 1, timeout: 2, held: 3 } as const;

/** `rollout status NAME --timeout SECONDS`: waits for the end; the exit code says which. */
export async function rolloutStatus(session: Session, name: string, timeoutSeconds: number): Promise<void> {
  const until = Date.now() + timeoutSeconds * 1000;
  for (;;) {
    const rollout = await findRollout(session, name);
    const { status } = rollout;
    const late = Date.now() >= until;
    const said = `${rollout.id} is ${status.phase}${status.reason === undefined ? '' : `: ${text(status.reason)}`}`;
    if (status.phase === 'Promoted') {
      session.show(rollout, () => said);
      return;
    }
    if (status.phase === 'RolledBack' || status.phase === 'Aborted') throw new Failure(said, STATUS_EXIT.failed);
    const asksSomebody = status.phase === 'AwaitingApproval' || (status.phase === 'Paused' && waitsForPerson(status));
    if (asksSomebody || (late && status.phase === 'Paused')) throw new Failure(`${said}; it waits`, STATUS_EXIT.held);
    if (late) throw new Failure(`${said} still, after ${timeoutSeconds} s`, STATUS_EXIT.timeout);
    await pause(Math.min(1_000, Math.max(1, until - Date.now())));
  }
}

function waitsForPerson({ cause = 'person' }: Status): boolean {
  return cause === 'person';
}

/** True when it has ended and its traffic was seen to follow. */
function isAtRest({ phase, givenBackAt, settledAt }: Status): boolean {
  if (phase === 'Promoted') return settledAt !== null;
  return (phase === 'RolledBack' || phase === 'Aborted') && givenBackAt !== null;
}

const STEP_COLUMNS: readonly Column[] = [
  ['STEP', (row: { step: number }) => row.step + 1],
  ['WEIGHT', (row: { weight: number }) => `${row.weight} %`],
  ['STATE', (row: { state: string }) => row.state],
  ['FROM', (row: { from: string }) => row.from],
  ['UNTIL', (row: { until: string }) => row.until],
  ['HOLD', (row: { holdSeconds: number }) => `${row.holdSeconds} s`],
  ['WAITS FOR', (row: { waitsFor: readonly string[] }) => row.waitsFor.join('; ')],
];

const GATE_COLUMNS: readonly Column[] = [
  ['GATE', (row: Reading) => row.gate.name ?? row.gate.kind],
  ['ROLE', (row: Reading) => `${row.gate.role ?? 'guardrail'}${row.gate.dryRun === true ? ', dry run' : ''}`],
  ['VERDICT', (row: Reading) => row.verdict],
  ['SAMPLES', (row: Reading) => row.evidence.map(({ samples }) => samples).join(' / ')],
  ['NEWEST', (row: Reading) => row.evidence[0]?.newestAt],
  ['REASON', (row: Reading) => row.reason],
];

const line = (name: string, value: string): string => `${name.padEnd(12)}  ${value}`;

function rolloutLines(rollout: RolloutAnswer): string[] {
  const { id, model, spec, observed, request, schedule, revision } = rollout;
  const readings = observed?.readings ?? [];
  return [
    line('rollout', `${id} of ${model} (revision ${revision})`),
    line('versions', `${text(spec.candidateVersion)} against ${text(spec.champion)}`),
    ...statusLines(rollout),
    ...aheadLines(schedule),
    ...(request === null ? [] : [line('asked', `${request.verb} by ${request.by}: ${text(request.reason)}`)]),
    ...closing(rollout.status, observed),
    ...['', table(schedule.steps, STEP_COLUMNS)],
    ...(readings.length === 0 ? [] : ['', table(readings, GATE_COLUMNS)]),
  ];
}

function statusLines({ spec, status, observed }: RolloutAnswer): string[] {
  const { traffic, phase, step, reason, blockedBy } = status;
  return [
    line('phase', step === undefined ? phase : `${phase}, step ${step + 1} of ${spec.policy.steps.length}`),
    ...(reason === undefined ? [] : [line('reason', text(reason))]),
    ...(blockedBy == null ? [] : [line('waits for', `${blockedBy}, which has the traffic`)]),
    line('set weight', traffic === undefined ? 'none yet' : `${traffic.set} % since ${text(traffic.setAt)}`),
    line('actual', actual(status, observed?.actualReason ?? null)),
  ];
}

function aheadLines({ confirmSecondsLeft: left, deadlines, readyAt }: RolloutAnswer['schedule']): string[] {
  return [
    ...(left === null ? [] : [line('confirm by', `${left} s left; traffic goes back unless the weight is confirmed`)]),
    ...deadlines.map(({ at, what }) => line('deadline', `${text(at)}: ${what}`)),
    ...(readyAt === null ? [] : [line('ready', `${text(readyAt)} at the earliest`)]),
  ];
}

function actual({ traffic }: Status, reason: string | null): string {
  const why = reason === null ? '' : ` (${text(reason)})`;
  if (traffic === undefined) return `not seen yet${why}`;
  return `${traffic.actual === null ? 'cannot be seen' : `${traffic.actual} %`} since ${text(traffic.actualAt)}${why}`;
}

function closing(status: Status, observed: RolloutAnswer['observed']): string[] {
  const what = status.phase === 'Promoted' ? 'settling' : 'giving back';
  const error = observed?.routerError ?? null;
  const failed = error === null ? [] : [`router        ${text(error)}`];
  const open = status.givenBackAt === null || status.settledAt === null;
  return open ? [...failed, `${what.padEnd(12)}  stated ${observed?.closingAttempts ?? 0} times`] : failed;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
