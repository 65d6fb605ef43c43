import { ControlPlane } from './control-plane.js';

const FAILED_AT = /^failpoint (\S+): exit$/;
/** Processes that wait with their modules loaded. */
const STANDBYS = 2;

/**
 * One control plane after the other: each dies at the first armed failpoint that it passes, and the next one starts with
 * what is left. So one run through a scenario kills at every commit that it has.
 */
export class KillChain {
  /** Where processes died, in that order. */
  readonly deaths: string[] = [];
  private readonly armed: Set<string>;
  private readonly standbys: ControlPlane[] = [];
  private current: ControlPlane | null = null;
  private stopped = false;
  private readonly running: Promise<void>;
  private fault: Error | null = null;

  constructor(
    failpoints: readonly string[],
    private readonly environment: Readonly<Record<string, string>>,
  ) {
    this.armed = new Set(failpoints);
    this.running = this.run();
  }

  /** What it was armed with and did not pass. */
  get left(): readonly string[] {
    return [...this.armed];
  }

  /** Throws when a process ended otherwise than at a failpoint. */
  check(): void {
    if (this.fault !== null) throw this.fault;
  }

  /** Where it stands, for the message of a test that waits in vain. */
  describe(): string {
    const lines = this.current?.lastLines.filter((line) => !line.includes('"level":"info"')).slice(-8) ?? [];
    return `${this.deaths.length} deaths, the last at ${this.deaths.slice(-3).join(', ')}; it says: ${lines.join('\n')}`;
  }

  /** Disarms what is left: the process that runs is killed, and the last one is a healthy one. */
  disarm(): void {
    this.armed.clear();
    this.current?.signal('SIGKILL');
  }

  async stop(): Promise<void> {
    this.stopped = true;
    const processes = [...this.standbys, ...(this.current === null ? [] : [this.current])];
    await Promise.all(processes.map((process) => process.kill()));
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      while (this.standbys.length < STANDBYS) this.standbys.push(new ControlPlane());
      const process = this.standbys.shift() as ControlPlane;
      this.current = process;
      const armed = [...this.armed].map((name) => `${name}:exit`).join(',');
      process.start({ ...this.environment, RATCHET_FAILPOINT: armed });
      await process.ended;
      if (!this.stopped) await this.note(process);
    }
  }

  private async note(process: ControlPlane): Promise<void> {
    const failpoint = (await process.said(FAILED_AT))?.[1];
    if (failpoint !== undefined) {
      this.armed.delete(failpoint);
      this.deaths.push(failpoint);
    } else if (process.ending !== 'SIGKILL') {
      this.fault = new Error(`A control plane ended by itself: ${process.lastLines.slice(-20).join('\n')}`);
      this.stopped = true;
    }
  }
}
