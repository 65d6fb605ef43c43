import { Injectable } from '@nestjs/common';

/** What one check said. */
export interface ReadinessReading {
  readonly name: string;
  readonly ready: boolean;
  readonly detail: string;
}

/** Resolves when the part is ready (a text says more), rejects with the reason when it is not. */
export type ReadinessCheck = () => Promise<unknown>;

/** Where modules register what must work before this process may get traffic. */
@Injectable()
export class ReadinessRegistry {
  private readonly checks = new Map<string, ReadinessCheck>();

  /** @throws TypeError when the name is taken */
  register(name: string, check: ReadinessCheck): void {
    if (this.checks.has(name)) throw new TypeError(`A readiness check "${name}" is registered already.`);
    this.checks.set(name, check);
  }

  /** Asks every check at once; one that does not answer in time is not ready. */
  async readings(timeoutMs = 2_000): Promise<ReadinessReading[]> {
    return Promise.all([...this.checks].map(([name, check]) => read(name, check, timeoutMs)));
  }
}

async function read(name: string, check: ReadinessCheck, timeoutMs: number): Promise<ReadinessReading> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    const detail = await Promise.race([check(), timeout]);
    return { name, ready: true, detail: typeof detail === 'string' ? detail : 'ok' };
  } catch (error) {
    return { name, ready: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
