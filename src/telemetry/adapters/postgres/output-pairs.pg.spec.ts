import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Model } from '../../../models/index.js';
import { someDigest, someSpec } from '../../../models/testing/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { type AdmittedEvent, type ModelView, viewOf } from '../../domain/admit.js';
import type { Output } from '../../domain/event.js';
import { MOST_PAIRS, MOST_PAIRS_A_BATCH, MOST_STEPS, MOST_TEXT, pairsToKeep } from '../../domain/output-pair.js';
import { telemetryPersistence } from '../../persistence.js';
import { parseSettings } from '../../../platform/config/index.js';
import { FakeClock } from '../../../kernel/testing/index.js';
import { LedgerLogIntake } from '../../log-intake.js';
import { ModelViews } from '../../model-views.js';
import { telemetrySettings } from '../../settings.js';
import { FakeModelStore } from '../../testing/index.js';
import { insertOutputPairs } from './output-pairs.js';
import { PostgresBatchLedger } from './postgres-batch-ledger.js';
import { PostgresOutputPairStore } from './postgres-output-pair-store.js';

const AT = new Date('2026-01-01T00:00:00Z');
const SPEC = someSpec({ task: { kind: 'text' } });
const view = (name: string, changes: Partial<ModelView> = {}): ModelView => ({
  ...viewOf({
    id: name,
    model: name,
    spec: SPEC,
    status: { phase: 'Registered', generation: 1 },
    revision: 1,
    createdAt: AT,
    updatedAt: AT,
  } satisfies Model),
  ...changes,
});

function answered(model: string, n: number, output: Output, shadow: Output | null = output): AdmittedEvent {
  return {
    windowStart: AT,
    windowSeconds: 60,
    late: false,
    future: false,
    event: {
      kind: 'inference',
      requestId: `r${n}`,
      model,
      version: someDigest('a'),
      arm: 'stable',
      at: AT,
      latencyMs: 1,
      error: null,
      features: {},
      prediction: null,
      confidence: null,
      output,
      shadow: shadow === null ? null : { version: someDigest('f'), prediction: null, output: shadow },
      input: null,
    },
  };
}

describe('which pairs are kept', () => {
  it.each([
    ['a pair of texts', answered('m', 1, 'a', 'b'), 1],
    ['no shadow', answered('m', 1, 'a', null), 0],
    ['a text beside a series', answered('m', 1, 'a', [1]), 0],
    ['a series that is too long', answered('m', 1, new Array<number>(MOST_STEPS + 1).fill(0)), 0],
  ])('%s', (_, event, count) => expect(pairsToKeep(view('m'), [event])).toHaveLength(count));

  it('none of a model whose inputs may not be kept, or that redacts them', () => {
    const event = answered('m', 1, 'a', 'b');
    expect(pairsToKeep(view('m', { sampling: false }), [event])).toEqual([]);
    const redaction = { ...view('m').redaction, names: new Set(['output']) };
    expect(pairsToKeep(view('m', { redaction }), [event])).toEqual([]);
  });

  it('is bounded, by chance and not by order, and the same for the same requests', () => {
    const many = Array.from({ length: 500 }, (_, i) => answered('m', i, [i]));
    const kept = pairsToKeep(view('m'), many).map(({ event }) => event.requestId);
    expect(kept).toHaveLength(MOST_PAIRS_A_BATCH);
    expect(new Set(pairsToKeep(view('m'), [...many].reverse()).map(({ event }) => event.requestId))).toEqual(
      new Set(kept),
    );
    expect(kept.some((id) => Number(id.slice(1)) > 400)).toBe(true);
  });

  it('cuts texts without breaking a character', () => {
    const [pair] = pairsToKeep(view('m'), [answered('m', 1, `${'x'.repeat(MOST_TEXT - 1)}😀`)]);
    expect(pair?.output).not.toMatch(/\p{Surrogate}/u);
    expect(pair?.output).toHaveLength(MOST_TEXT);
  });
});

describe('kept pairs', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase([telemetryPersistence]);
  }, 60_000);
  afterAll(() => test.close());
  const add = (name: string, events: AdmittedEvent[], now = AT) =>
    test.db.run('test.work', () => insertOutputPairs(test.db, view(name), events, now));
  const read = (name: string, after = 0, limit = 10_000) =>
    new PostgresOutputPairStore(test.db).after(name, someDigest('a'), someDigest('f'), after, limit);

  it('come back in order, each once, after a cursor', async () => {
    await add('m', [answered('m', 1, 'eins', 'one'), answered('m', 2, [1, 2.5], [1, 2])]);
    await add('m', [answered('m', 2, [9], [9]), answered('m', 3, 'a\0b', 'ab')]);
    const pairs = await read('m');
    expect(pairs.map(({ requestId, output, shadow }) => [requestId, output, shadow])).toEqual([
      ['r1', 'eins', 'one'],
      ['r2', [1, 2.5], [1, 2]],
      ['r3', 'ab', 'ab'],
    ]);
    expect(await read('m', pairs[1]?.sequence)).toHaveLength(1);
    expect(await new PostgresOutputPairStore(test.db).after('m', someDigest('b'), someDigest('f'), 0, 10)).toEqual([]);
  });

  it('are the newest ones of a model and no older than its samples', async () => {
    for (let batch = 0; batch < 34; batch += 1)
      await add(
        'many',
        Array.from({ length: 64 }, (_, i) => answered('many', batch * 64 + i, [batch])),
      );
    const pairs = await read('many');
    expect(pairs).toHaveLength(MOST_PAIRS);
    expect(pairs.at(-1)?.output).toEqual([33]);
    await add(
      'many',
      [answered('many', 99_999, [1])],
      new Date(AT.getTime() + SPEC.telemetry.sampleSeconds * 1000 + 1),
    );
    expect(await read('many')).toEqual([]);
  });

  it('hold any output that an event can carry', async () => {
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }))),
        async (output) => {
          n += 1;
          await add('any', [answered('any', n, output)]);
          const found = (await read('any')).at(-1)?.output;
          expect(found).toEqual(
            typeof output === 'string'
              ? output.replace(/\p{Surrogate}/gu, '\ufffd').replaceAll('\0', '')
              : output.map((value) => value + 0),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it('come from the events of a log, each once, however often a chunk is tried', async () => {
    const task = { kind: 'series', steps: 3 } as const;
    const model: Model = {
      ...{ id: 'log', model: 'log', spec: someSpec({ task }), status: { phase: 'Registered', generation: 1 } },
      ...{ revision: 1, createdAt: AT, updatedAt: AT },
    };
    const clock = new FakeClock(AT);
    const settings = parseSettings([telemetrySettings], {}).of(telemetrySettings);
    const views = new ModelViews(new FakeModelStore([model]), clock);
    const intake = new LedgerLogIntake(new PostgresBatchLedger(test.db), views, null, clock, settings);
    const source = { topic: 'outputs', partition: 0 };
    const { epoch, next } = await intake.claim(source);
    const event = (n: number, answer: object) => ({
      ...{ schema: 'ratchet.dev/inference/v1', requestId: `r${n}`, model: 'log', version: someDigest('a') },
      ...{ at: AT.getTime() - 1_000 + n, latencyMs: 2, ...answer },
    });
    const shadow = (output: unknown) => ({ version: someDigest('f'), output });
    const events = [
      event(0, { output: [1, 2, 3], shadow: shadow([1, 2, 4]) }),
      event(1, { output: [1, 2, 3] }),
      event(0, { output: [1, 2, 3], shadow: shadow([1, 2, 4]) }),
      event(2, { output: [5], prediction: 5, shadow: shadow([6]) }),
    ];
    const records = events.map((value, i) => ({
      ...{
        offset: next + i,
        key: null,
        value: Buffer.from(JSON.stringify(value)),
        headers: {},
        timestamp: AT.getTime(),
      },
    }));
    const chunk = { source, epoch, from: next, to: next + records.length, format: 'native', records } as const;
    await intake.write(chunk);
    await intake.write(chunk);
    const pairs = await read('log');
    expect(pairs.map(({ requestId, output, shadow: said }) => [requestId, output, said])).toEqual([
      ['r0', [1, 2, 3], [1, 2, 4]],
      ['r2', [5], [6]],
    ]);
  });
});
