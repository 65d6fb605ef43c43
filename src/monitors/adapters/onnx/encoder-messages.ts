/** One batch of texts for the encoder's thread. */
export interface EncodeCommand {
  readonly id: number;
  readonly modelPath: string;
  /** Token numbers of each text. */
  readonly texts: readonly (readonly number[])[];
}

export type EncodeReply =
  | {
      readonly id: number;
      /** Row-major embeddings of each text, one row a token. */
      readonly embeddings: readonly Float32Array[];
    }
  | { readonly id: number; readonly failed: string };
