import { Readable } from 'node:stream';
import { type Digest, failpoint, type UnitOfWork } from '../../../kernel/index.js';
import type { ArtifactStaging } from '../../../models/index.js';
import { AttemptEnded, OutputTooLarge, UploadMismatch } from '../../domain/errors.js';
import type { AttemptTable } from '../postgres/attempt-table.js';
import { concatenated, withReceived } from './received.js';

/** Largest part: small enough for the time that one request may take on a slow line. */
export const PART_BYTES = 32 * 1024 * 1024;
/** More than any recipe makes. */
const MOST_FILES = 64;

export interface SentFile {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly parts: readonly Digest[];
}

/**
 * Takes what attempts send: parts by their digest, then files out of parts. Every call may be repeated, cut off, or go to
 * another process of the installation than the one before it.
 */
export class AttemptUploads {
  constructor(
    private readonly table: AttemptTable,
    private readonly staging: ArtifactStaging,
    private readonly unitOfWork: UnitOfWork,
    private readonly settings: { readonly maxOutputBytes: number },
  ) {}

  /** @throws UploadMismatch @throws OutputTooLarge @throws AttemptEnded */
  async putPart(name: string, digest: Digest, body: Readable): Promise<{ readonly sizeBytes: number }> {
    const tooLarge = (bytes: number) => new OutputTooLarge(name, bytes, PART_BYTES);
    return withReceived(body, PART_BYTES, tooLarge, async ({ path, digest: found, sizeBytes }) => {
      if (found !== digest)
        throw new UploadMismatch(name, `the part is ${found} (${sizeBytes} bytes), it was announced as ${digest}`);
      await this.refuseTooMuch(name, digest, sizeBytes);
      failpoint('jobs.store-part:before');
      await this.staging.area(name).putFile(path);
      failpoint('jobs.store-part:after');
      await this.unitOfWork.run('jobs.note-part', async () => {
        if (!(await this.table.lockOpen(name))) throw new AttemptEnded(name);
        // Once more under the lock, because parts may come side by side.
        await this.refuseTooMuch(name, digest, sizeBytes);
        await this.table.addPart(name, digest, sizeBytes);
      });
      return { sizeBytes };
    });
  }

  /** @throws UploadMismatch @throws OutputTooLarge @throws AttemptEnded */
  async putFile(name: string, file: string, sent: SentFile): Promise<void> {
    const files = await this.table.files(name);
    if (files.some((each) => each.file === file && each.digest === sent.digest)) return;
    const others = files.filter((each) => each.file !== file);
    if (others.length >= MOST_FILES) throw new UploadMismatch(name, `more than ${MOST_FILES} files`);
    const total = others.reduce((sum, each) => sum + each.sizeBytes, sent.sizeBytes);
    const { maxOutputBytes } = this.settings;
    if (total > maxOutputBytes) throw new OutputTooLarge(name, total, maxOutputBytes);
    await this.checkParts(name, file, sent);
    await this.join(name, file, sent);
    await this.unitOfWork.run('jobs.note-file', async () => {
      if (!(await this.table.lockOpen(name))) throw new AttemptEnded(name);
      await this.table.putFile(name, file, sent.digest, sent.sizeBytes);
    });
  }

  /** What has arrived, so that a client that starts again sends only the rest. */
  async arrived(name: string) {
    return { parts: await this.table.parts(name), files: await this.table.files(name) };
  }

  /** The refused bytes count as written, so that whoever looks at the attempt sees why it went no further. */
  private async refuseTooMuch(name: string, digest: Digest, sizeBytes: number): Promise<void> {
    const parts = await this.table.parts(name);
    if (parts.some((part) => part.digest === digest)) return;
    const total = parts.reduce((sum, part) => sum + part.sizeBytes, sizeBytes);
    if (total <= this.settings.maxOutputBytes) return;
    await this.table.claimOutput(name, total);
    throw new OutputTooLarge(name, total, this.settings.maxOutputBytes);
  }

  private async checkParts(name: string, file: string, sent: SentFile): Promise<void> {
    const known = new Map((await this.table.parts(name)).map((part) => [part.digest, part.sizeBytes]));
    const missing = sent.parts.filter((part) => !known.has(part));
    if (missing.length > 0)
      throw new UploadMismatch(name, `${file} has parts that did not arrive: ${missing.join(', ')}`);
    const bytes = sent.parts.reduce((sum, part) => sum + (known.get(part) ?? 0), 0);
    if (bytes !== sent.sizeBytes)
      throw new UploadMismatch(
        name,
        `the parts of ${file} have ${bytes} bytes, it was announced with ${sent.sizeBytes}`,
      );
  }

  private async join(name: string, file: string, sent: SentFile): Promise<void> {
    const mismatch = (found: string) =>
      new UploadMismatch(name, `the parts of ${file} make ${found}, it was announced as ${sent.digest}`);
    const area = this.staging.area(name);
    if (sent.parts.length === 1) {
      // A file of one part is that part.
      if (sent.parts[0] !== sent.digest) throw mismatch(String(sent.parts[0]));
      return;
    }
    const paths = async function* () {
      for (const part of sent.parts) yield await area.verifiedPath(part);
    };
    const tooLarge = (bytes: number) => new OutputTooLarge(name, bytes, sent.sizeBytes);
    await withReceived(Readable.from(concatenated(paths)), sent.sizeBytes, tooLarge, async ({ path, digest }) => {
      if (digest !== sent.digest) throw mismatch(digest);
      await area.putFile(path);
    });
  }
}
