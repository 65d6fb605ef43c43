export interface ImageContents {
  /** Path of its Dockerfile from the root of the repository. */
  readonly dockerfile: string;
  readonly user: string;
  readonly folder: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
}
export const USER: string;
export const CONTROL: ImageContents & { readonly files: readonly string[]; readonly leftOut: readonly string[] };
export const RUNNER: ImageContents;
export const NOT_FOR_QUANTIZATION: RegExp;
