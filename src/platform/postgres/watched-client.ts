import pg from 'pg';

/** The part of pg's client that its types do not tell of. */
interface Wire {
  readonly connection: { readonly stream: { destroy(error: Error): void } };
}

/** Thrown when the server did not even say that it gave a statement up. */
export class NoAnswer extends Error {
  constructor(afterMs: number) {
    super(`PostgreSQL gave no answer within ${afterMs} ms; the connection is given up.`);
    this.name = 'NoAnswer';
  }
}

/**
 * A client that gives its connection up when a statement has no answer in `answerMs`. On a connection whose other end is gone
 * without a word (a pulled cable, a firewall that forgot it) the kernel would wait a quarter of an hour, and the pool
 * would give the connection to one after the other meanwhile.
 */
export function watchedClient(answerMs: number): typeof pg.Client {
  return class WatchedClient extends pg.Client {
    override query(...statement: unknown[]): never {
      const answer: unknown = super.query(...(statement as [string]));
      if (answer instanceof Promise) this.watch(answer);
      return answer as never;
    }

    private watch(answer: Promise<unknown>): void {
      const timer = setTimeout(() => {
        (this as unknown as Wire).connection.stream.destroy(new NoAnswer(answerMs));
      }, answerMs);
      const ended = (): void => {
        clearTimeout(timer);
      };
      answer.then(ended, ended);
    }
  };
}
