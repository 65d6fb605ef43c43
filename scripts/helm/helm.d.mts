/** Folder of the chart. */
export const CHART: string;
export type Tool = 'helm' | 'kube-score';

export function canHave(name: Tool): boolean;
export function toolPath(name: Tool): Promise<string>;
export interface Call {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | null;
  readonly timeoutMs?: number;
}
export function helm(args: readonly string[], call?: Call): Promise<string>;
export function kubeScore(args: readonly string[], call?: Call): Promise<string>;
