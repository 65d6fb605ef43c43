import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { InvalidInput } from '../../../kernel/index.js';
import { ArtifactStoreUnavailable } from '../../domain/errors.js';

/** One request carries so much at most; S3 wants parts of at least 5 MiB, and 10,000 of them at most. */
export const PART_BYTES = 16 * 1024 * 1024;

export interface BucketSettings {
  readonly bucket: string;
  /** Before every key; empty, or ends in a slash. */
  readonly prefix: string;
  /** null = AWS itself. */
  readonly endpoint: string | null;
  readonly region: string;
  readonly pathStyle: boolean;
}

/** The few things that artifacts need of a bucket. Credentials come from where every AWS program looks for them. */
export class Bucket {
  private readonly client: S3Client;

  constructor(
    private readonly settings: BucketSettings,
    private readonly partBytes = PART_BYTES,
  ) {
    this.client = new S3Client({
      region: settings.region,
      forcePathStyle: settings.pathStyle,
      ...(settings.endpoint === null ? {} : { endpoint: settings.endpoint }),
      // Further checksums than the signed one are not understood by every server that is compatible with S3.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      maxAttempts: 4,
    });
  }

  /** @throws InvalidInput when there is no such bucket, or not for us @throws ArtifactStoreUnavailable */
  async check(): Promise<void> {
    const { bucket } = this.settings;
    try {
      await this.client.send(new HeadBucketCommand({ Bucket: bucket }));
    } catch (cause) {
      const status = statusOf(cause);
      if (status === undefined || status >= 500 || status === 429) {
        throw new ArtifactStoreUnavailable(`open the bucket "${bucket}"`, reasonOf(cause), { cause });
      }
      const message = `the bucket "${bucket}" cannot be opened: ${reasonOf(cause)} (HTTP ${status})`;
      throw new InvalidInput('The configuration', [{ path: 'RATCHET_MODELS_S3_BUCKET', message }]);
    }
  }

  /** Size of an object, null when there is none. */
  async size(key: string): Promise<number | null> {
    return this.run('look for an artifact', async () => {
      try {
        const { ContentLength } = await this.client.send(new HeadObjectCommand(this.at(key)));
        return ContentLength ?? 0;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  /** The object's bytes as they come, null when there is none. */
  async read(key: string): Promise<Readable | null> {
    return this.run('read an artifact', async () => {
      try {
        const { Body } = await this.client.send(new GetObjectCommand(this.at(key)));
        return (Body ?? null) as Readable | null;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  /** Stores a file. With `replace` false an object that is there stays as it is, also when somebody else just made it. */
  async write(key: string, path: string, sizeBytes: number, replace: boolean): Promise<void> {
    await this.run('store an artifact', async () => {
      try {
        await this.send(key, path, sizeBytes, replace ? {} : { IfNoneMatch: '*' });
      } catch (error) {
        if (!replace && isTaken(error)) return;
        // Not every compatible server knows conditions; the same bytes again do no harm.
        if (replace || codeOf(error) !== 'NotImplemented') throw error;
        await this.send(key, path, sizeBytes, {});
      }
    });
  }

  /** Removes every object whose key begins so. */
  async removeAll(start: string): Promise<void> {
    await this.run('remove what was sent', async () => {
      const { bucket: Bucket, prefix } = this.settings;
      for (;;) {
        const { Contents = [] } = await this.client.send(
          new ListObjectsV2Command({ Bucket, Prefix: `${prefix}${start}` }),
        );
        const Objects = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
        if (Objects.length === 0) return;
        const { Errors = [] } = await this.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
        if (Errors.length > 0) throw new Error(Errors[0]?.Message ?? Errors[0]?.Code ?? 'refused');
      }
    });
  }

  close(): void {
    this.client.destroy();
  }

  private at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.settings.bucket, Key: `${this.settings.prefix}${key}` };
  }

  private async send(key: string, path: string, sizeBytes: number, condition: { IfNoneMatch?: string }): Promise<void> {
    if (sizeBytes > this.partBytes) return this.sendParts(key, path, sizeBytes, condition);
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) chunks.push(chunk);
    await this.client.send(new PutObjectCommand({ ...this.at(key), ...condition, Body: Buffer.concat(chunks) }));
  }

  private async sendParts(
    key: string,
    path: string,
    sizeBytes: number,
    condition: { IfNoneMatch?: string },
  ): Promise<void> {
    const at = this.at(key);
    const { UploadId } = await this.client.send(new CreateMultipartUploadCommand(at));
    const file = await open(path, 'r');
    try {
      const Parts: CompletedPart[] = [];
      for (let start = 0; start < sizeBytes; start += this.partBytes) {
        const Body = Buffer.alloc(Math.min(this.partBytes, sizeBytes - start));
        for (let read = 0; read < Body.length;) {
          const { bytesRead } = await file.read(Body, read, Body.length - read, start + read);
          if (bytesRead === 0) throw new Error(`${path} ended before its ${sizeBytes} bytes`);
          read += bytesRead;
        }
        const PartNumber = Parts.length + 1;
        const { ETag } = await this.client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
        Parts.push({ PartNumber, ETag });
      }
      const done = { ...at, ...condition, UploadId, MultipartUpload: { Parts } };
      await this.client.send(new CompleteMultipartUploadCommand(done));
    } catch (error) {
      // What is left of it would be paid for until somebody looks; that it could not be removed changes nothing.
      await this.client.send(new AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
  }

  private async run<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new ArtifactStoreUnavailable(doing, reasonOf(cause), { cause });
    }
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function isMissing(error: unknown): boolean {
  // A bucket that is missing is told apart: that is nobody's artifact, but a fault of the configuration.
  return (
    codeOf(error) !== 'NoSuchBucket' && (['NoSuchKey', 'NotFound'].includes(codeOf(error)) || statusOf(error) === 404)
  );
}

function isTaken(error: unknown): boolean {
  return statusOf(error) === 412 || codeOf(error) === 'ConditionalRequestConflict';
}

function reasonOf(error: unknown): string {
  const status = statusOf(error);
  if (status === 404) return 'there is no such bucket';
  if (status === 403) return 'the credentials do not allow it';
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replace(/\.$/, '');
}
