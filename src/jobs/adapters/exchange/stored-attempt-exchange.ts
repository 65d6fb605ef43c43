import { type Clock, failpoint, RatchetError } from '../../../kernel/index.js';
import type { ArtifactStaging } from '../../../models/index.js';
import { BrokenReport } from '../../domain/errors.js';
import type { JobAttempt } from '../../domain/job.js';
import type { ReportedArtifact, RunnerReport } from '../../domain/report.js';
import { AttemptExchange, type AttemptNews } from '../../ports.js';
import type { AttemptTable } from '../postgres/attempt-table.js';
import { parseReport } from '../process/read-report.js';
import { newAttemptToken } from './attempt-token.js';
import { withoutPaths } from './input-files.js';
import type { Listening } from './listening.js';

const HOUR_MS = 3_600_000;

/** Rows in PostgreSQL and bytes beside the artifacts: whichever process of the installation is asked, it knows the same. */
export class StoredAttemptExchange extends AttemptExchange {
  constructor(
    private readonly table: AttemptTable,
    private readonly staging: ArtifactStaging,
    private readonly listening: Listening,
    private readonly clock: Clock,
    private readonly settings: { readonly keepHours: number },
  ) {
    super();
  }

  override async open(
    attempt: JobAttempt,
    document: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly token: string }> {
    const { text, hash } = newAttemptToken();
    const now = this.clock.now();
    // A queue may let it wait for days before it runs; its own time begins with its first call.
    const unusedUntil = new Date(now.getTime() + this.settings.keepHours * HOUR_MS);
    await this.table.open(attempt.name, withoutPaths(document), hash, now, unusedUntil);
    return { token: text };
  }

  override async news(attempt: JobAttempt): Promise<AttemptNews> {
    const state = await this.listening.through(() => this.table.state(attempt.name));
    if (state === null) return { heartbeatAt: null, progress: null, outputBytes: 0, logTail: '', ended: null };
    const { heartbeatAt, progress, outputBytes, logTail, exitCode, error, endedAt } = state;
    const ended = exitCode === null || endedAt === null ? null : { exitCode, error, at: endedAt };
    return { heartbeatAt: this.excused(heartbeatAt), progress, outputBytes, logTail, ended };
  }

  override async report(attempt: JobAttempt): Promise<RunnerReport> {
    const bytes = await this.table.report(attempt.name);
    if (bytes === null) throw new BrokenReport(attempt.name, 'there is no report.json');
    return parseReport(attempt.name, bytes.toString('utf8'));
  }

  override async outputPath(attempt: JobAttempt, artifact: ReportedArtifact): Promise<string> {
    const broken = (reason: string) => new BrokenReport(attempt.name, reason);
    const sent = (await this.table.files(attempt.name)).find((each) => each.file === artifact.file);
    if (sent === undefined) throw broken(`${artifact.file} was not sent`);
    if (sent.sizeBytes !== artifact.sizeBytes)
      throw broken(`${artifact.file} has ${sent.sizeBytes} bytes, the report says ${artifact.sizeBytes}`);
    if (sent.digest !== artifact.digest)
      throw broken(`${artifact.file} is ${sent.digest}, the report says ${artifact.digest}`);
    return this.staging
      .area(attempt.name)
      .verifiedPath(sent.digest)
      .catch((cause: unknown) => {
        // Gone or damaged: another attempt may bring it whole. What only cannot be reached now is asked for again.
        const lost = cause instanceof RatchetError && !cause.retryable;
        throw lost ? new BrokenReport(attempt.name, `${artifact.file}: ${cause.message}`, { cause }) : cause;
      });
  }

  override async close(attempt: JobAttempt): Promise<void> {
    await this.table.close(attempt.name, this.clock.now());
  }

  override async clear(known: ReadonlySet<string>, before: Date): Promise<string[]> {
    const names = await this.table.untouchedSince(before, [...known]);
    for (const name of names) {
      // The bytes first: a row without them is cleared again, bytes without a row would stay for ever.
      failpoint('jobs.clear-attempt:before');
      await this.staging.remove(name);
      failpoint('jobs.clear-attempt:after');
      await this.table.forget(name);
    }
    return names;
  }

  /** What it last said, or since when it could be heard: nobody is silent whom nobody listened to. */
  private excused(heartbeatAt: Date | null): Date | null {
    if (heartbeatAt === null) return null;
    return heartbeatAt < this.listening.since ? this.listening.since : heartbeatAt;
  }
}
