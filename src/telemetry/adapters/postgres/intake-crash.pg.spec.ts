import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Clock, seededRandom } from '../../../kernel/index.js';
import { FakeClock } from '../../../kernel/testing/index.js';
import { parseSettings } from '../../../platform/config/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { ModelViews } from '../../model-views.js';
import { telemetryPersistence } from '../../persistence.js';
import { BatchLedger, type BatchReport, type IntakeBatch, type IntakeSource } from '../../ports.js';
import { telemetrySettings } from '../../settings.js';
import { TelemetryIntake } from '../../telemetry-intake.js';
import { anAnswer, FakeModelStore, RecordingIntakeObserver, T0 } from '../../testing/index.js';
import { PostgresBatchLedger } from './postgres-batch-ledger.js';
import { PostgresWindowStore } from './postgres-window-store.js';

/** Loses the connection before or after the commit, as a seed says. */
class FlakyLedger extends BatchLedger {
  readonly durable = new Set<string>();
  constructor(
    private readonly real: BatchLedger,
    private readonly random: () => number,
  ) {
    super();
  }
  claim(source: IntakeSource): Promise<{ epoch: number; next: number }> {
    return this.real.claim(source);
  }
  async commit(batch: IntakeBatch): Promise<BatchReport> {
    const fate = this.random();
    if (fate < 0.2) throw new Error('connection lost before the commit');
    const report = await this.real.commit(batch);
    for (const { event } of batch.events) this.durable.add(event.requestId);
    if (fate > 0.7) throw new Error('connection lost after the commit');
    return report;
  }
}

let test: TestDatabase;
beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
});
afterAll(() => test.close());

describe('telemetry under kills', () => {
  it.each([1, 2, 3])(
    'counts every durable answer exactly once, with kills, lost connections and zombies (seed %p)',
    async (seed) => {
      await test.db.query('TRUNCATE telemetry.intake_offset, telemetry."window", telemetry.answer, telemetry.sample');
      const random = seededRandom(seed);
      const clock: Clock = new FakeClock(new Date(T0.getTime() + 10_000));
      const ledger = new FlakyLedger(new PostgresBatchLedger(test.db), random);
      const settings = { ...parseSettings([telemetrySettings], {}).of(telemetrySettings), batchEntries: 20 };
      const start = (): TelemetryIntake =>
        new TelemetryIntake(
          ledger,
          new ModelViews(new FakeModelStore(), clock),
          clock,
          settings,
          new RecordingIntakeObserver(),
        );
      const zombies: TelemetryIntake[] = [];
      let intake = start();
      let sent = 0;
      for (let step = 0; step < 40; step += 1) {
        const count = Math.floor(random() * 60);
        for (let i = 0; i < count; i += 1) intake.accept(anAnswer(sent++));
        await intake.flush();
        if (random() < 0.2) {
          zombies.push(intake);
          intake = start();
          intake.accept(anAnswer(sent++));
          await intake.flush();
          for (const zombie of zombies) {
            zombie.accept(anAnswer(sent++));
            await zombie.flush();
          }
        }
      }
      for (let tries = 0; tries < 30; tries += 1) await intake.flush();
      const windows = await new PostgresWindowStore(test.db).listModel('toy', new Date(0));
      const counted = windows.reduce((sum, window) => sum + window.requests, 0);
      const latencies = windows.reduce((sum, window) => sum + window.confidence.reduce((a, b) => a + b, 0), 0);
      expect(counted).toBe(ledger.durable.size);
      expect(latencies).toBe(counted);
      expect(zombies.length).toBeGreaterThan(2);
      expect(counted).toBeGreaterThan(sent / 4);
    },
  );
});
