/** What the engine and its threads say to each other. Types only: the worker file may import nothing that runs. */
export type ToWorker = LoadCommand | RunCommand | ReleaseCommand;

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface LoadCommand {
  readonly kind: 'load';
  readonly id: number;
  readonly digest: string;
  readonly path: string;
  readonly input: Tensor;
  readonly output: Tensor;
}

export interface RunCommand {
  readonly kind: 'run';
  readonly id: number;
  readonly digest: string;
  readonly input: string;
  readonly output: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Worked on after every command that was sent before it. */
export interface ReleaseCommand {
  readonly kind: 'release';
  readonly digest: string;
}

export type FromWorker =
  | { readonly kind: 'loaded'; readonly id: number }
  | {
      readonly kind: 'answered';
      readonly id: number;
      readonly values: Float32Array;
      readonly shape: readonly number[];
      readonly runMs: number;
    }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };
