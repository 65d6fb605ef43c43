/** What the API says of a rollout, as far as the CLI shows it. */
export interface Reading {
  readonly gate: {
    readonly kind: string;
    readonly name?: string;
    readonly role?: string;
    readonly dryRun?: boolean;
    readonly [limit: string]: unknown;
  };
  readonly verdict: string;
  readonly reason: string;
  readonly evidence: readonly {
    readonly name: string;
    readonly value: number | null;
    readonly samples: number;
    readonly newestAt: string | null;
    readonly query: string;
  }[];
}

export interface Status {
  readonly phase: string;
  readonly step?: number;
  readonly reason?: string;
  readonly by?: string;
  readonly cause?: string;
  readonly blockedBy?: string | null;
  readonly givenBackAt?: string | null;
  readonly settledAt?: string | null;
  readonly readings?: readonly Reading[];
  readonly traffic?: {
    readonly set: number;
    readonly setAt: string;
    readonly actual: number | null;
    readonly actualAt: string;
  };
}

interface Asked {
  readonly verb: string;
  readonly by: string;
  readonly reason: string;
}

export interface RolloutAnswer {
  readonly id: string;
  readonly model: string;
  readonly revision: number;
  readonly spec: {
    readonly candidate: string;
    readonly candidateVersion: string;
    readonly champion: string;
    readonly policy: { readonly steps: readonly { readonly weight: number }[] };
  };
  readonly status: Status;
  readonly observed: {
    readonly readings: readonly Reading[];
    readonly actualReason: string | null;
    readonly routerError: string | null;
    readonly closingAttempts: number;
  } | null;
  readonly request: Asked | null;
  readonly schedule: {
    readonly steps: readonly object[];
    readonly readyAt: string | null;
    readonly deadlines: readonly { readonly at: string; readonly what: string }[];
    readonly confirmSecondsLeft: number | null;
  };
}

export interface Decision {
  readonly seq: number;
  readonly at: string;
  readonly before: Status;
  readonly observation: {
    readonly actualWeight: number | null;
    readonly readings: readonly Reading[];
    readonly request: Asked | null;
  } | null;
  readonly decision: {
    readonly status: Status;
    readonly traffic: number | string;
    readonly answered: { readonly verb: string; readonly followed: boolean; readonly note: string } | null;
  };
  readonly policy: string;
  readonly functions: string;
}
