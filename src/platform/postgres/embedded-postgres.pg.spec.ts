import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createDataSource } from './data-source.js';
import { startEmbeddedPostgres } from './embedded-postgres.js';

const answers = async (url: string): Promise<boolean> => {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
};

describe('the embedded PostgreSQL of two processes', () => {
  it('is stopped by the last one out, whoever started it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ratchet-embedded-'));
    const first = await startEmbeddedPostgres(folder);
    try {
      const second = await startEmbeddedPostgres(folder);
      expect([first.adopted, second.adopted]).toEqual([false, true]);
      const pool = await createDataSource(first.url, [], 1).initialize();
      await second.stopUnlessShared();
      expect(await answers(first.url)).toBe(true);
      await pool.destroy();
      await first.stopUnlessShared();
      expect(await answers(first.url)).toBe(false);
    } finally {
      await first.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
