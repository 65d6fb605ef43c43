import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfiguration, SETTINGS } from '../src/app/configuration.js';
import { createApp } from '../src/app/create-app.js';
import { PERSISTENCE } from '../src/app/stages.js';
import { settingsReference } from '../src/platform/config/index.js';
import { buildOpenApi } from '../src/platform/http/index.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';

const DOCS = join(import.meta.dirname, '../docs');

/** `WRITE_DOCUMENTS=1 npm test -- generated-documents` brings the files up to date; the diff is for the review. */
const write = process.env['WRITE_DOCUMENTS'] === '1';

async function expectCurrent(file: string, text: string): Promise<void> {
  const path = join(DOCS, file);
  if (write) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  const committed = await readFile(path, 'utf8').catch(() => `${file} is missing`);
  expect(committed).toBe(text);
}

describe('the documents that are generated from the program', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await openTestDatabase(PERSISTENCE);
  }, 120_000);
  afterAll(() => test.close());

  it('docs/configuration.md names every setting as it is', async () => {
    await expectCurrent('configuration.md', settingsReference(SETTINGS));
  });

  it('docs/openapi.json is the API as it is', async () => {
    const app = await createApp(readConfiguration({ RATCHET_LOG_LEVEL: 'silent' }), test.db);
    try {
      await expectCurrent('openapi.json', `${JSON.stringify(buildOpenApi(app), null, 2)}\n`);
    } finally {
      await app.close();
    }
  });
});
