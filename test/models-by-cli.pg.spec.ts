import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { runCli } from '../src/cli/program.js';
import { Clock, FactBus, Ids, UnitOfWork } from '../src/kernel/index.js';
import { CountingIds, FakeClock, RecordingFactBus } from '../src/kernel/testing/index.js';
import { ModelsModule } from '../src/models/models.module.js';
import { modelsPersistence } from '../src/models/persistence.js';
import { modelsSettings } from '../src/models/settings.js';
import { buildOnnx, type OnnxDescription } from '../src/models/testing/index.js';
import { AuditModule, platformHttpPersistence } from '../src/platform/audit/index.js';
import { ConfigModule, parseSettings } from '../src/platform/config/index.js';
import {
  buildOpenApi,
  configureHttp,
  httpSettings,
  HttpModule,
  newFastifyAdapter,
} from '../src/platform/http/index.js';
import { ReadinessRegistry } from '../src/platform/observability/index.js';
import { Database } from '../src/platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';

const MEBIBYTE = 1024 ** 2;

describe('models over HTTP, by the command line', () => {
  let test: TestDatabase;
  let app: NestFastifyApplication;
  let home: string;
  let url: string;
  let out: string[];
  let err: string[];

  beforeAll(async () => {
    test = await openTestDatabase([platformHttpPersistence, modelsPersistence]);
    home = await mkdtemp(join(tmpdir(), 'models-'));
    const settings = parseSettings([httpSettings, modelsSettings], {
      RATCHET_MODELS_ARTIFACT_FOLDER: join(home, 'artifacts'),
      RATCHET_MODELS_ARTIFACT_BYTES: String(MEBIBYTE),
    });
    const runtime = [
      { provide: Database, useValue: test.db },
      { provide: UnitOfWork, useExisting: Database },
      { provide: Clock, useValue: new FakeClock() },
      { provide: Ids, useClass: CountingIds },
      { provide: FactBus, useClass: RecordingFactBus },
      ReadinessRegistry,
    ];
    @Module({})
    class Runtime {}
    @Module({
      imports: [
        ConfigModule.forRoot(settings),
        {
          module: Runtime,
          global: true,
          providers: runtime,
          exports: runtime.map((each) => ('provide' in each ? each.provide : each)),
        },
        AuditModule,
        HttpModule,
        ModelsModule,
      ],
    })
    class ModelsOnly {}
    Logger.overrideLogger(false);
    app = await NestFactory.create<NestFastifyApplication>(ModelsOnly, newFastifyAdapter(settings.of(httpSettings)));
    await configureHttp(app, settings.of(httpSettings));
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    await app.close();
    await test.close();
    await rm(home, { recursive: true, force: true });
  });

  beforeEach(() => {
    [out, err] = [[], []];
  });

  const ratchet = (...args: string[]) =>
    runCli(args, { env: { RATCHET_URL: url }, out: (text) => out.push(text), err: (text) => err.push(text) });

  async function document(name: string, onnx: Uint8Array, spec: Record<string, unknown> = {}): Promise<string> {
    await writeFile(join(home, `${name}.onnx`), onnx);
    const path = join(home, `${name}.yaml`);
    const text = stringify({
      apiVersion: 'ratchet.dev/v1alpha1',
      kind: 'Model',
      metadata: { name },
      spec: {
        task: { kind: 'classification', classes: 4 },
        input: { name: 'x', shape: [-1, 4] },
        output: { name: 'y', shape: [-1, 4] },
        reference: { artifact: `./${name}.onnx`, evaluation: { accuracy: 0.97, samples: 800 } },
        ...spec,
      },
    });
    await writeFile(path, text);
    return path;
  }

  it('applies a model once, however often', async () => {
    const path = await document('iris', buildOnnx());
    expect(await ratchet('apply', '-f', path)).toBe(0);
    expect(await ratchet('apply', '-f', path)).toBe(0);
    expect(out).toEqual(['model iris created (generation 1)', 'model iris unchanged (generation 1)']);
    await document('iris', buildOnnx(), { promotion: { approval: 'manual' } });
    await ratchet('apply', '-f', path);
    expect(out[2]).toBe('model iris updated (generation 2)');

    out.length = 0;
    await ratchet('get', 'models', '-o', 'json');
    await ratchet('get', 'versions', '-m', 'iris', '-o', 'json');
    await ratchet('history', 'iris', '-o', 'json');
    await ratchet('history', 'iris', '--at', '2001-01-01', '-o', 'json');
    const [models, versions, history, before] = out.map(
      (text) => (JSON.parse(text) as { items: Record<string, unknown>[] }).items,
    );
    const digest = versions?.[0]?.['digest'];
    expect(models).toMatchObject([
      { id: 'iris', spec: { promotion: { approval: 'manual' } }, champion: { champion: digest, promotion: null } },
    ]);
    expect(versions).toMatchObject([{ kind: 'reference', reference: digest, sizeBytes: buildOnnx().length }]);
    expect(history).toMatchObject([{ champion: digest, until: null, profile: { accuracy: 0.97, labelled: 800 } }]);
    expect(before).toEqual([]);
  });

  it('reports the five faults of a document with their paths', async () => {
    const path = await document('faulty', buildOnnx(), {
      input: { name: 'x', shape: [1, 4] },
      objectives: { maxSizeRatio: 3 },
      experiment: { margin: 0.5, alpha: 2 },
      colour: 'blue',
    });
    expect(await ratchet('apply', '-f', path)).toBe(1);
    const lines = err.at(-1)?.split('\n') ?? [];
    expect(lines[0]).toBe('ratchet: The model document has 5 faults:');
    expect(
      lines
        .slice(1)
        .map((line) => line.trim().split(': ')[0])
        .sort(),
    ).toEqual([
      'spec',
      'spec.experiment.alpha',
      'spec.experiment.margin',
      'spec.input.shape.0',
      'spec.objectives.maxSizeRatio',
    ]);
  });

  it.each<[string, OnnxDescription | 'cut', RegExp]>([
    ['is cut off', 'cut', /no readable ONNX model: it is cut off/],
    ['has another input shape', { inputs: [{ name: 'x', shape: [-1, 9] }] }, /\[-1, 9\] instead of \[-1, 4\]/],
    ['has external data', { externalLocation: '/etc/passwd' }, /"w" is stored outside the model, in "\/etc\/passwd"/],
    ['has a custom operator', { operator: 'Evil', domain: 'evil' }, /operator "Evil" of the domain "evil"/],
  ])('refuses a reference that %s', async (_, description, message) => {
    const onnx = description === 'cut' ? buildOnnx().subarray(0, 60) : buildOnnx(description);
    expect(await ratchet('apply', '-f', await document('bad', onnx))).toBe(1);
    expect(err.at(-1)).toMatch(message);
    err.length = 0;
    expect(await ratchet('get', 'models', 'bad')).toBe(1);
    expect(err[0]).toContain('There is no model "bad"');
  });

  it('refuses an artifact beyond the bound, announced or not', async () => {
    expect(await ratchet('apply', '-f', await document('large', new Uint8Array(MEBIBYTE + 1)))).toBe(1);
    expect(err.at(-1)).toContain('more than the allowed 1048576 bytes');
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let n = 0; n < 20; n += 1) controller.enqueue(new Uint8Array(100_000));
        controller.close();
      },
    });
    const headers = { 'content-type': 'application/octet-stream' };
    const request = { method: 'POST', headers, body: stream, duplex: 'half' } as RequestInit;
    const status = await fetch(`${url}/api/v1/artifacts`, request).then(
      (response) => response.status,
      // The server closes the connection as soon as the bound is passed; the client may still be sending then.
      () => 413,
    );
    expect(status).toBe(413);
  });

  it.each([
    ['no bytes', new Uint8Array(), 'application/octet-stream', 400],
    ['JSON', '{}', 'application/json', 400],
    ['text', 'a=b', 'text/csv', 415],
  ])('refuses %s as an artifact', async (_, body, type, status) => {
    const response = await fetch(`${url}/api/v1/artifacts`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      status,
      'application/problem+json; charset=utf-8',
    ]);
  });

  it('states the document in the OpenAPI document, with its defaults', () => {
    const { components, paths } = buildOpenApi(app);
    expect(JSON.stringify(paths['/api/v1/models/{model}']?.put?.requestBody)).toContain(
      '#/components/schemas/ModelDocument',
    );
    const schema = JSON.stringify(components?.schemas?.['ModelDocument']);
    for (const part of ['maxLoss', 'ratchet.dev/v1alpha1', 'error-ratio']) expect(schema).toContain(part);
    expect(JSON.stringify(paths['/api/v1/artifacts']?.post)).toContain('octet-stream');
  });

  it('keeps a chain of who changed what', async () => {
    expect(await ratchet('audit', 'verify')).toBe(0);
    await ratchet('audit', 'list', '-o', 'json');
    const { items } = JSON.parse(out[1] ?? '') as { items: { actor: string; action: string; subject: string }[] };
    expect(items.filter(({ action }) => action === 'models.apply')).toMatchObject([
      { actor: 'loopback', subject: 'model/iris' },
      { actor: 'loopback', subject: 'model/iris' },
    ]);
  });

  it('serves only who has a token once there is one', async () => {
    expect(await ratchet('token', 'create', 'ann', '--role', 'admin')).toBe(0);
    const token = out[0] ?? '';
    expect(await ratchet('get', 'models')).toBe(1);
    expect(err.at(-1)).toContain('needs an API token');
    expect(await ratchet('get', 'models', '--token', token)).toBe(0);
    expect(await ratchet('token', 'create', 'bob', '--role', 'viewer', '--token', token)).toBe(0);
    const viewer = out.at(-1) ?? '';
    expect(await ratchet('apply', '-f', join(home, 'iris.yaml'), '--token', viewer)).toBe(1);
    expect(err.at(-1)).toContain('needs the role operator; the token has the role viewer');
  });
});
