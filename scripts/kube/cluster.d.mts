export interface Cluster {
  readonly kubeconfig: string;
  /** Folder of kube-up; null for a cluster of the environment, whose parts are not ours to stop. */
  readonly dir: string | null;
  /** Pods can run, images can be given. */
  readonly hasNode: boolean;
  /** What kubectl says. @throws Error with what it complained about */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Makes a folder, a tar or a program an image of the node. */
  image?(name: string, root: string, ...entrypoint: readonly string[]): Promise<string>;
  /** Freezes a part (`kubelet`, `apiserver`, `etcd`, `controllers`, `scheduler`); resolves to what wakes it. */
  suspendPart?(name: string): Promise<() => Promise<void>>;
  /** Ends a part; resolves to what starts it again. */
  stopPart?(name: string): Promise<() => Promise<void>>;
  /** Ends the cluster if this call started it. */
  stop(): Promise<void>;
}

export function hasCluster(): boolean;
export function hasNode(): boolean;
export function openCluster(options?: { readonly node?: boolean; readonly gpus?: number }): Promise<Cluster>;
export function startCluster(options?: { readonly node?: boolean; readonly gpus?: number }): Promise<Cluster>;
export function takeDown(dir: string): void;
export function takeDownAll(): void;
export function kubeTools(): string | null;
