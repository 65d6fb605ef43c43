/** The stages in the order in which data flows through them. */
export declare const PIPELINE: readonly string[];
