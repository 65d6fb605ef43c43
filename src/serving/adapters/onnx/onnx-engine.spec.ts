import { renameSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EngineClosed, EngineFailed, EngineOverloaded, EngineTimeout, VersionUnloadable } from '../../domain/errors.js';
import type { Runnable } from '../../ports.js';
import { aModel, linearModel, type LinearModel, TemporaryArtifacts } from '../../testing/index.js';
import { OnnxEngine, type OnnxEngineOptions } from './onnx-engine.js';

const { input, output } = aModel().spec;
let artifacts: TemporaryArtifacts;
let engines: OnnxEngine[];

beforeEach(() => {
  artifacts = new TemporaryArtifacts();
  engines = [];
});

afterEach(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  artifacts.close();
});

function engine(options: Partial<OnnxEngineOptions> = {}): OnnxEngine {
  const made = new OnnxEngine(artifacts, {
    threads: 1,
    queueLimit: 100,
    timeoutMs: 10_000,
    idleSessions: 0,
    ...options,
  });
  engines.push(made);
  return made;
}

async function version(content: Uint8Array): Promise<Runnable> {
  const { digest } = await artifacts.putBytes(content);
  return { digest, input, output };
}

const linear = (model: LinearModel): Promise<Runnable> => version(linearModel(model));
const row = (value: number): Float32Array => new Float32Array(16).fill(value);

describe('with ONNX Runtime', () => {
  it('answers the rows of a real model in order', async () => {
    const identity = Array.from({ length: 48 }, (_, i) => (i % 3 === 1 ? 1 : 0)); // class 1 gets the sum of the row
    const model = await linear({ bias: [1, 0, 2], weights: identity });
    const subject = engine();
    await subject.load(model);
    const answered = await subject.infer(model, Float32Array.from([...row(1), ...row(-1)]), 2);
    expect([...answered.values]).toEqual([1, 16, 2, 1, -16, 2]);
    expect(answered.shape).toEqual([2, 3]);
  });

  it('spreads requests over several threads, each of which has the version', async () => {
    const model = await linear({ bias: [0, 0, 7] });
    const subject = engine({ threads: 2 });
    await subject.load(model);
    const answers = await Promise.all(Array.from({ length: 20 }, () => subject.infer(model, row(0), 1)));
    expect(new Set(answers.map((answer) => answer.values[2]))).toEqual(new Set([7]));
  });

  it.each<[string, () => Promise<Runnable>, RegExp]>([
    ['a truncated file', async () => version(linearModel({ bias: [1, 2, 3] }).slice(0, 150)), /protobuf|parse/i],
    ['no ONNX file', async () => version(new TextEncoder().encode('hello')), /protobuf|parse|failed/i],
    ['an empty file', async () => version(new Uint8Array()), /./],
    [
      'another input shape',
      () => linear({ bias: [1, 2, 3], input: { shape: [-1, 1, 5, 5] } }),
      /shape \[batch, 1, 5, 5\]/,
    ],
    ['a fixed batch', () => linear({ bias: [1, 2, 3], input: { shape: [1, 1, 4, 4] } }), /shape \[1, 1, 4, 4\]/],
    ['another number of classes', () => linear({ bias: [1, 2] }), /output has the shape/],
    [
      'another input name',
      () => linear({ bias: [1, 2, 3], input: { name: 'pixels' } }),
      /called "pixels", not "input"/,
    ],
    ['another output name', () => linear({ bias: [1, 2, 3], output: { name: 'scores' } }), /called "scores"/],
    ['an operator of its own', () => linear({ bias: [1, 2, 3], domain: 'com.example' }), /com\.example/],
    [
      'an artifact that is not there',
      async () => ({ digest: `sha256:${'0'.repeat(64)}` as const, input, output }),
      /no artifact/,
    ],
  ])('refuses %s and goes on with what it has', async (_, broken, message) => {
    const good = await linear({ bias: [3, 2, 1] });
    const subject = engine();
    await subject.load(good);
    const loading = subject.load(await broken());
    await expect(loading).rejects.toThrow(VersionUnloadable);
    await expect(loading).rejects.toThrow(message);
    expect((await subject.infer(good, row(0), 1)).values[0]).toBe(3);
  });

  it('loads again what did not load the first time', async () => {
    const model = await linear({ bias: [3, 2, 1] });
    const file = await artifacts.verifiedPath(model.digest);
    renameSync(file, `${file}.away`);
    const subject = engine();
    await expect(subject.load(model)).rejects.toThrow(VersionUnloadable);
    renameSync(`${file}.away`, file);
    await subject.load(model);
    expect((await subject.infer(model, row(0), 1)).values[0]).toBe(3);
  });

  it('frees what nobody names, and only then', async () => {
    const [kept, freed] = [await linear({ bias: [1, 0, 0] }), await linear({ bias: [2, 0, 0] })];
    const subject = engine();
    await Promise.all([subject.load(kept), subject.load(freed)]);
    const inFlight = subject.infer(freed, row(0), 1);
    subject.keepOnly(new Set([kept.digest]));
    expect((await inFlight).values[0]).toBe(2);
    writeFileSync(await artifacts.verifiedPath(freed.digest), 'gone');
    await expect(subject.infer(freed, row(0), 1)).rejects.toThrow(VersionUnloadable); // it had to be read again
    expect((await subject.infer(kept, row(0), 1)).values[0]).toBe(1);
  });

  it('keeps the versions that were used last, where that is wanted', async () => {
    const subject = engine({ idleSessions: 2 });
    const versions = [
      await linear({ bias: [1, 0, 0] }),
      await linear({ bias: [2, 0, 0] }),
      await linear({ bias: [3, 0, 0] }),
    ];
    for (const each of versions) await subject.infer(each, row(0), 1);
    for (const each of versions) writeFileSync(await artifacts.verifiedPath(each.digest), 'gone');
    await expect(subject.infer(versions[2]!, row(0), 1)).resolves.toBeDefined();
    await expect(subject.infer(versions[1]!, row(0), 1)).resolves.toBeDefined();
    await expect(subject.infer(versions[0]!, row(0), 1)).rejects.toThrow(VersionUnloadable);
  });
});

describe('with a thread that does what the test says', () => {
  const workerUrl = new URL('../../testing/scripted.worker.ts', import.meta.url);
  const scripted = (options: Partial<OnnxEngineOptions> = {}): OnnxEngine => engine({ workerUrl, ...options });
  const [DIE, WAIT, DIE_ONCE, FAIL] = [-1, -2, -3, -4];

  /** A row whose run ends when `open` is called. */
  function gated(): { values: Float32Array; open: () => void } {
    const values = new Float32Array(new SharedArrayBuffer(64));
    values[0] = WAIT;
    const cells = new Int32Array(values.buffer);
    return {
      values,
      open: () => {
        Atomics.store(cells, 1, 1);
        Atomics.notify(cells, 1);
      },
    };
  }

  it('says what the runtime said', async () => {
    const model = await version(new Uint8Array());
    await expect(scripted().infer(model, row(FAIL), 1)).rejects.toThrow(new EngineFailed('the script says so'));
  });

  it('answers a request whose thread died, on the next thread', async () => {
    const model = await version(new Uint8Array());
    const reasons: string[] = [];
    const subject = scripted({ onRestart: (reason) => reasons.push(reason) });
    await subject.load(model);
    expect((await subject.infer(model, row(DIE_ONCE), 1)).values[0]).toBe(DIE_ONCE);
    expect(reasons).toHaveLength(1);
  });

  it('gives up a request that kills the thread twice, and answers all others', async () => {
    const model = await version(new Uint8Array());
    const subject = scripted();
    await subject.load(model);
    const deadly = subject.infer(model, row(DIE), 1);
    const others = Array.from({ length: 10 }, (_, i) => subject.infer(model, row(i), 1));
    await expect(deadly).rejects.toThrow(EngineFailed);
    expect((await Promise.all(others)).map((answer) => answer.values[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('refuses a version that kills the thread while it loads', async () => {
    const model = await version(new Uint8Array());
    const lethal: Runnable = { ...model, digest: `sha256:${'f'.repeat(64)}` };
    const verified = artifacts.verifiedPath.bind(artifacts);
    artifacts.verifiedPath = async (digest) => (digest === lethal.digest ? '/tmp/x.lethal' : verified(digest));
    const subject = scripted();
    await subject.load(model);
    await expect(subject.load(lethal)).rejects.toThrow(VersionUnloadable);
    expect((await subject.infer(model, row(5), 1)).values[0]).toBe(5);
  });

  it('refuses at once when too many wait, and takes requests again when they are done', async () => {
    const model = await version(new Uint8Array());
    const depths: number[] = [];
    const subject = scripted({ queueLimit: 3, onDepth: (depth) => depths.push(depth) });
    await subject.load(model);
    const gate = gated();
    const inFlight = [subject.infer(model, gate.values, 1), subject.infer(model, row(1), 1)];
    await Promise.resolve(); // both have gone to the thread
    await Promise.resolve();
    const waiting = [1, 2, 3].map(() => subject.infer(model, row(1), 1));
    await expect(subject.infer(model, row(1), 1)).rejects.toThrow(EngineOverloaded);
    gate.open();
    await Promise.all([...inFlight, ...waiting]);
    expect((await subject.infer(model, row(2), 1)).values[0]).toBe(2);
    expect([Math.max(...depths), depths.at(-1)]).toEqual([3, 0]);
  });

  it('gives up a run that hangs, replaces its thread, and answers what waited behind it', async () => {
    const model = await version(new Uint8Array());
    const reasons: string[] = [];
    const subject = scripted({ timeoutMs: 1_500, onRestart: (reason) => reasons.push(reason) });
    await subject.load(model);
    await expect(subject.infer(model, gated().values, 1)).rejects.toThrow(EngineTimeout);
    expect((await subject.infer(model, row(4), 1)).values[0]).toBe(4);
    expect(reasons).toHaveLength(1);
  });

  it('answers what is in flight when it is closed, and nothing after', async () => {
    const model = await version(new Uint8Array());
    const subject = scripted();
    await subject.load(model);
    const inFlight = subject.infer(model, row(6), 1);
    await Promise.resolve();
    await Promise.resolve();
    await subject.close();
    expect((await inFlight).values[0]).toBe(6);
    await expect(subject.infer(model, row(6), 1)).rejects.toThrow(EngineClosed);
  });
});
