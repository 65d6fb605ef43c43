/** Runs `work` again and again, `intervalMs` after the last time it ended, never twice at once. `work` must not reject. */
export class Loop {
  private timer: NodeJS.Timeout | null = null;
  private current: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly intervalMs: number,
    private readonly work: () => Promise<void>,
  ) {}

  start(): void {
    this.current = this.turn();
  }

  /** Resolves when the turn under way, if any, has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.current;
  }

  private async turn(): Promise<void> {
    await this.work();
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.current = this.turn();
    }, this.intervalMs);
  }
}
