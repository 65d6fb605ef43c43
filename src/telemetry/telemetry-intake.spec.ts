import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../kernel/testing/index.js';
import { parseSettings } from '../platform/config/index.js';
import { BatchRefused, IntakeOverloaded, IntakeUnavailable } from './domain/errors.js';
import { decodeEvent } from './domain/decode-event.js';
import { eventEntry, type IntakeEntry } from './intake-entry.js';
import { ModelViews } from './model-views.js';
import { telemetrySettings, type TelemetrySettings } from './settings.js';
import { TelemetryIntake } from './telemetry-intake.js';
import { anAnswer, FakeBatchLedger, FakeModelStore, RecordingIntakeObserver, T0 } from './testing/index.js';

function setUp(overrides: Partial<TelemetrySettings> = {}) {
  const settings = { ...parseSettings([telemetrySettings], {}).of(telemetrySettings), ...overrides };
  const clock = new FakeClock(new Date(T0.getTime() + 60_000));
  const ledger = new FakeBatchLedger();
  const models = new FakeModelStore();
  const observer = new RecordingIntakeObserver();
  const make = (): TelemetryIntake =>
    new TelemetryIntake(ledger, new ModelViews(models, clock), clock, settings, observer);
  return { ledger, clock, models, observer, intake: make(), make };
}
const entry = (value: unknown): IntakeEntry =>
  eventEntry(decodeEvent(value), () => Buffer.from(JSON.stringify(value)), 100);
const ids = (ledger: FakeBatchLedger): string[] =>
  ledger.batches.flatMap(({ events }) => events.map(({ event }) => event.requestId));

describe('TelemetryIntake', () => {
  it('writes answers in batches with consecutive offsets', async () => {
    const { intake, ledger } = setUp({ batchEntries: 40 });
    for (let n = 0; n < 100; n += 1) intake.accept(anAnswer(n));
    await intake.flush();
    expect(ledger.batches.map(({ from, to }) => [from, to])).toEqual([
      [0, 40],
      [40, 80],
      [80, 100],
    ]);
    expect(ids(ledger)).toEqual(Array.from({ length: 100 }, (_, n) => `r${n}`));
  });

  it('sheds what its buffer cannot take and never throws', async () => {
    const { intake, ledger } = setUp({ bufferEntries: 10 });
    for (let n = 0; n < 25; n += 1) intake.accept(anAnswer(n));
    intake.accept(null as never);
    await intake.flush();
    expect(ids(ledger)).toHaveLength(10);
    const { intake: small, ledger: other } = setUp({ bufferBytes: 1200 });
    for (let n = 0; n < 25; n += 1) small.accept(anAnswer(n));
    await small.flush();
    expect(ids(other)).toHaveLength(2);
  });

  it('refuses a submission that does not fit, whole', async () => {
    const { intake } = setUp({ bufferEntries: 3 });
    await expect(intake.submit([1, 2, 3, 4].map(entry))).rejects.toBeInstanceOf(IntakeOverloaded);
    await intake.submit([]);
  });

  it('tells the sender when its entries are durable', async () => {
    const { intake, ledger } = setUp();
    let durable = false;
    intake.accept(anAnswer(1, { model: 'ghost' }));
    const sent = intake.submit([entry({ nonsense: true })]).finally(() => (durable = true));
    expect(durable).toBe(false);
    await intake.flush();
    expect(await sent).toBe(1);
    expect(ledger.batches[0]?.dead).toMatchObject([
      { offset: 0 },
      { offset: 1, reason: { class: 'schema' }, sizeBytes: 17 },
    ]);
  });

  it('tries a failed batch again under the same offsets, and tells a waiting sender', async () => {
    const { intake, ledger } = setUp();
    ledger.failures.push(new Error('connection lost'));
    const sent = intake.submit([entry(null)]);
    const refused = expect(sent).rejects.toBeInstanceOf(IntakeUnavailable);
    await intake.flush();
    await refused;
    intake.accept(anAnswer(1));
    await intake.flush();
    expect(ledger.batches.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  it('finds the one entry that the store refuses and makes it a dead letter', async () => {
    const { intake, ledger } = setUp();
    ledger.refuse = ({ events }) =>
      events.some(({ event }) => event.requestId === 'r7') ? new BatchRefused('poison') : null;
    for (let n = 0; n < 20; n += 1) intake.accept(anAnswer(n));
    await intake.flush();
    expect(ids(ledger)).toHaveLength(19);
    expect(ledger.batches.flatMap(({ dead }) => dead)).toMatchObject([{ offset: 7, reason: { class: 'store' } }]);
    expect(ledger.batches.at(-1)?.to).toBe(20);
  });

  it('stands down for good when another process has taken its place', async () => {
    const { intake, make, ledger, observer } = setUp();
    intake.accept(anAnswer(1));
    await intake.flush();
    const heir = make();
    heir.accept(anAnswer(2));
    await heir.flush();
    intake.accept(anAnswer(3));
    await intake.flush();
    intake.accept(anAnswer(4));
    await intake.flush();
    expect(ids(ledger)).toEqual(['r1', 'r2']);
    await expect(intake.submit([entry(1)])).rejects.toThrow('another process has taken its place');
    expect(observer.heard).toEqual(['replaced']);
  });

  it('writes what waits when it stops, and takes nothing after', async () => {
    const { intake, ledger } = setUp();
    intake.start();
    intake.accept(anAnswer(1));
    await intake.stop();
    intake.accept(anAnswer(2));
    expect(ids(ledger)).toEqual(['r1']);
  });

  it('makes dead letters of events of unknown models, and looks for new models first', async () => {
    const { intake, ledger, models } = setUp();
    intake.accept(anAnswer(1, { model: 'new' }));
    await intake.flush();
    models.models.push({ ...models.models[0]!, id: 'new' });
    intake.accept(anAnswer(2, { model: 'new' }));
    await intake.flush();
    expect(ledger.batches.map(({ dead, events }) => [dead.length, events.length])).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(Buffer.from(ledger.batches[0]?.dead[0]?.head ?? []).toString()).toContain('"requestId":"r1"');
  });

  it('bounds how many raw inputs a second are kept', async () => {
    const { intake, ledger, clock } = setUp({ samplesPerSecond: 10 });
    for (let second = 0; second < 60; second += 1) {
      for (let n = 0; n < 100; n += 1) intake.accept(anAnswer(second * 100 + n));
      await intake.flush();
      clock.advance(1000);
    }
    const kept = ledger.batches.map(({ samples }) => samples.length);
    // What one second took too much is missing in the next ones, so the sum stays by the allowance.
    const sum = kept.reduce((a, b) => a + b, 0);
    expect(Math.abs(sum - (20 + 59 * 10))).toBeLessThan(20);
    expect(Math.max(...kept)).toBeLessThan(45);
    expect(ledger.batches.every(({ chances }) => (chances?.get('toy') ?? 1) < 0.5)).toBe(true);
  });
});
