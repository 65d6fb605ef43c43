import type { Clock } from '../../../kernel/index.js';

/**
 * Since when somebody has been there to hear an attempt. Silence while this process was not yet started, or while the
 * database was away, says nothing about whoever could not be heard.
 */
export class Listening {
  private heardSince: Date;
  private deaf = false;

  constructor(private readonly clock: Clock) {
    this.heardSince = clock.now();
  }

  get since(): Date {
    return this.heardSince;
  }

  /** Runs what needs the database; the first success after a failure is when listening begins again. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      if (this.deaf) {
        this.heardSince = this.clock.now();
        this.deaf = false;
      }
      return result;
    } catch (error) {
      this.deaf = true;
      throw error;
    }
  }
}
