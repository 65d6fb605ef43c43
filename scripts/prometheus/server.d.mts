export interface PrometheusOptions {
  readonly port?: number;
  readonly targets?: readonly string[];
  readonly scrapeSeconds?: number;
  readonly evaluateSeconds?: number;
  readonly rules?: readonly string[];
  readonly flags?: readonly string[];
  readonly waitMs?: number;
}

export interface PrometheusServer {
  readonly url: string;
  readonly logFile: string;
  readonly pid: number | null;
  /** The process is gone, whoever ended it. */
  readonly hasEnded: boolean;
  /** Scrapes these addresses from now on, and no others. */
  scrape(targets: readonly string[]): void;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Documented in server.mjs. */
export function startPrometheus(options?: PrometheusOptions): Promise<PrometheusServer>;
export function canRunPrometheus(): boolean;
export function prometheusProgram(): string;
