/** What belongs to the content of an image. */
export interface Assembled {
  /** The folder. */
  readonly root: string;
  readonly entrypoint: readonly string[];
  /** Arguments when a pod names none. */
  readonly command: readonly string[];
  /** `uid:gid`; `kube-image` does not keep it, so a pod has to name it. */
  readonly user: string;
  /** `kube-image` does not keep it, so a pod has to name it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  /** What has to be writable, besides /tmp. */
  readonly volumes: readonly string[];
  /** Read-only hostPath volumes that its pods need. */
  readonly mounts: readonly { readonly name: string; readonly hostPath: string; readonly mountPath: string }[];
}

export function assembleControl(root: string): Assembled;
export function assembleRunner(root: string): Assembled;
export function assembleHostRunner(root: string): Assembled;
export function productionPackages(): string[];
export function main(args: readonly string[]): number;
