import { type Api, Unreachable } from './api.js';

/** One aggregate as the API gives it; `status` differs by phase. */
export interface Item {
  readonly id: string;
  readonly spec: Record<string, unknown>;
  readonly status: { readonly phase: string } & Record<string, unknown>;
  readonly createdAt: string;
}

export interface Finding {
  readonly monitor: string;
  readonly state: string;
  readonly explanation: string;
}

/** Everything that the control plane says about the model at one moment; lists are newest first. */
export interface LoopState {
  readonly champion: {
    readonly champion: string;
    readonly reference: string;
    readonly promotion: string | null;
  } | null;
  readonly route: { readonly weight: number; readonly stable: string; readonly candidate: string | null } | null;
  readonly findings: readonly Finding[];
  readonly triggers: readonly Item[];
  readonly decisions: readonly {
    readonly action: string;
    readonly cause: string;
    readonly reasons: readonly string[];
  }[];
  readonly jobs: readonly Item[];
  readonly candidates: readonly Item[];
  readonly experiments: readonly Item[];
  readonly rollouts: readonly Item[];
  readonly promotions: readonly Item[];
  readonly records: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly decidedBy: string;
    readonly reason: string;
  }[];
}

/** Reads the whole state; null while the control plane cannot be reached. */
export async function readState(api: Api, model: string): Promise<LoopState | null> {
  const of = `/api/v1/models/${model}`;
  const list = async <T>(what: string): Promise<readonly T[]> => (await api.get<{ items: T[] }>(`${of}/${what}`)).items;
  try {
    const [
      { champion },
      route,
      findings,
      triggers,
      decisions,
      jobs,
      candidates,
      experiments,
      rollouts,
      promotions,
      records,
    ] = await Promise.all([
      api.get<Pick<LoopState, 'champion'>>(of),
      api.get<LoopState['route']>(`${of}/route`),
      list<Finding>('findings'),
      list<Item>('triggers'),
      list<LoopState['decisions'][number]>('decisions'),
      list<Item>('jobs'),
      list<Item>('candidates'),
      list<Item>('experiments'),
      list<Item>('rollouts'),
      list<Item>('promotions'),
      list<LoopState['records'][number]>('records'),
    ]);
    return {
      champion,
      route,
      findings,
      triggers,
      decisions,
      jobs,
      candidates,
      experiments,
      rollouts,
      promotions,
      records,
    };
  } catch (error) {
    if (error instanceof Unreachable) return null;
    throw error;
  }
}

/** The chain that follows from one trigger or one submission by hand: what there is of it so far. */
export interface Chain {
  readonly id: string;
  readonly trigger: Item | undefined;
  readonly job: Item | undefined;
  readonly candidate: Item | undefined;
  readonly experiment: Item | undefined;
  readonly rollout: Item | undefined;
  readonly promotion: Item | undefined;
  readonly record: LoopState['records'][number] | undefined;
}

/** Follows the deterministic ids from a trigger (`digits-t1`) or a submitted candidate (`digits-m1`). */
export function chainOf(state: LoopState, id: string): Chain {
  const by = (items: readonly Item[], wanted: string): Item | undefined => items.find((item) => item.id === wanted);
  const trigger = by(state.triggers, id);
  const candidate = by(state.candidates, trigger === undefined ? id : `${id}-c1`);
  const candidateId = candidate?.id ?? `${id}-c1`;
  return {
    id,
    trigger,
    job: by(state.jobs, `${id}-job`),
    candidate,
    experiment: by(state.experiments, `${candidateId}-x`),
    rollout: by(state.rollouts, `${candidateId}-r`),
    promotion: by(state.promotions, `${candidateId}-p`),
    record: state.records.find((record) => record.id === candidateId),
  };
}

/** Reads a nested value of JSON without believing in its shape. */
export function dig(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      inner !== null && typeof inner === 'object' ? (inner as Record<string | number, unknown>)[key] : undefined,
    value,
  );
}

/** The same for a number; NaN when there is none. */
export function digNumber(value: unknown, ...path: readonly (string | number)[]): number {
  const found = dig(value, ...path);
  return typeof found === 'number' ? found : Number.NaN;
}

/** The same for a text; empty when there is none. */
export function digText(value: unknown, ...path: readonly (string | number)[]): string {
  const found = dig(value, ...path);
  return typeof found === 'string' ? found : '';
}
