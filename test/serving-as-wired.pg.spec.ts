import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Clock, type Digest, Ids, UnitOfWork } from '../src/kernel/index.js';
import { ArtifactStore, ChampionHistory, ModelStore } from '../src/models/index.js';
import { modelsPersistence } from '../src/models/persistence.js';
import { modelsSettings } from '../src/models/settings.js';
import { AuditModule, platformHttpPersistence } from '../src/platform/audit/index.js';
import { ConfigModule, parseSettings } from '../src/platform/config/index.js';
import { configureHttp, HttpModule, httpSettings, newFastifyAdapter } from '../src/platform/http/index.js';
import { ReadinessRegistry, registry, setLogLevel } from '../src/platform/observability/index.js';
import { Database } from '../src/platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';
import { ReconcileModule, reconcileSettings } from '../src/platform/reconcile/index.js';
import { SystemClock, UuidIds } from '../src/platform/runtime/index.js';
import { versionLabel } from '../src/serving/index.js';
import { servingPersistence } from '../src/serving/persistence.js';
import { AnswerSink, GatewayStatus, RouteStore, Scorer, ServedSink } from '../src/serving/ports.js';
import { ServingModule } from '../src/serving/serving.module.js';
import { servingSettings } from '../src/serving/settings.js';
import {
  aModel,
  aRequest,
  linearModel,
  RecordingAnswerSink,
  RecordingServedSink,
} from '../src/serving/testing/index.js';

/** The stage as the application wires it: from the fact of a champion to an answer, on a real database. */
let database: TestDatabase;
let app: NestFastifyApplication;
let url: string;
const folder = mkdtempSync(join(tmpdir(), 'ratchet-serving-'));
const sink = new RecordingAnswerSink();
const served = new RecordingServedSink();

beforeAll(async () => {
  setLogLevel('silent');
  Logger.overrideLogger(false);
  database = await openTestDatabase([platformHttpPersistence, modelsPersistence, servingPersistence]);
  const environment = {
    RATCHET_MODELS_ARTIFACT_FOLDER: folder,
    RATCHET_SERVING_ROUTE_INTERVAL_MS: '20',
  };
  const settings = parseSettings([httpSettings, modelsSettings, servingSettings, reconcileSettings], environment);
  const runtime = [
    { provide: Database, useValue: database.db },
    { provide: UnitOfWork, useExisting: Database },
    { provide: Clock, useClass: SystemClock },
    { provide: Ids, useClass: UuidIds },
    { provide: AnswerSink, useValue: sink },
    { provide: ServedSink, useValue: served },
    ReadinessRegistry,
  ];

  @Global()
  @Module({
    imports: [ConfigModule.forRoot(settings), AuditModule, HttpModule, ReconcileModule, ServingModule],
    providers: runtime,
    exports: [Database, UnitOfWork, Clock, Ids, ReadinessRegistry],
  })
  class TestApplication {}

  app = await NestFactory.create<NestFastifyApplication>(TestApplication, newFastifyAdapter(settings.of(httpSettings)));
  await configureHttp(app, settings.of(httpSettings));
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});

afterAll(async () => {
  await app.close();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const part = <T>(token: abstract new (...all: never[]) => T): T => app.get(token as never, { strict: false });

async function until<T>(look: () => Promise<T | null>): Promise<T> {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 20)); // another process's clock decides, there is nothing to await
  }
  throw new Error('It did not come.');
}

async function serve(bias: readonly number[], promotion: string | null): Promise<Digest> {
  const { digest } = await part(ArtifactStore).putBytes(linearModel({ bias }));
  const profile = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };
  await database.db.run('test.work', () =>
    part(ChampionHistory).begin({
      model: 'digits',
      champion: digest,
      reference: digest,
      promotion,
      profile,
      at: new Date(),
    }),
  );
  await until(async () => ((await part(RouteStore).find('digits'))?.stable === digest ? true : null));
  const { epoch } = (await part(RouteStore).find('digits'))!;
  await until(async () => ((await part(GatewayStatus).epochInForce('digits')) === epoch ? true : null));
  return digest;
}

const infer = async () => {
  const body = JSON.stringify(aRequest([1]));
  const response = await fetch(`${url}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

it('serves a champion, then the next one, tells what it does, and scores in the background', async () => {
  expect((await infer()).status).toBe(404);
  await part(ModelStore).save({ ...aModel(), revision: 0 });
  const first = await serve([9, 0, 0], null);
  expect(await infer()).toMatchObject({ status: 200, body: { model_version: first } });
  const second = await serve([0, 9, 0], 'p1');
  expect(await infer()).toMatchObject({ status: 200, body: { model_version: second } });
  expect((await sink.take(2)).map((answer) => [answer.version, answer.prediction])).toEqual([
    [first, 0],
    [second, 1],
  ]);

  const route = await fetch(`${url}/api/v1/models/digits/route`);
  expect(await route.json()).toMatchObject({ stable: second, candidate: null, weight: 0, epoch: 2, epochInForce: 2 });
  expect(await (await fetch(`${url}/api/v1/models/letters/route`)).json()).toMatchObject({
    status: 404,
    code: 'not_found',
  });

  // Each version's own count, by itself and apart from the answers.
  const counted = await until(async () => (served.told.length >= 2 ? served.told : null));
  const last = new Map(counted.map(({ version, requests }) => [version, requests]));
  expect(last).toEqual(new Map([first, second].map((version) => [version, 1])));

  const [scored] = await part(Scorer).score('digits', first, new Float32Array(16), 1);
  expect(scored?.prediction).toBe(0);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  const metrics = await registry.metrics();
  for (const version of [first, second].map(versionLabel)) {
    const labels = `model="digits",arm="stable",version="${version}"`;
    expect(metrics).toContain(`ratchet_serving_answers_total{${labels},outcome="ok"} 1`);
    expect(metrics).toContain(`ratchet_serving_answers_total{${labels},outcome="timeout"} 0`);
  }
});
