import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CountingIds, FakeClock } from '../kernel/testing/index.js';
import { parseSettings } from '../platform/config/index.js';
import { openTestDatabase, type TestDatabase } from '../platform/postgres/testing/index.js';
import { PostgresBatchLedger } from './adapters/postgres/postgres-batch-ledger.js';
import { PostgresWindowStore } from './adapters/postgres/postgres-window-store.js';
import { ModelViews } from './model-views.js';
import { telemetryPersistence } from './persistence.js';
import { ServedReporter } from './served-reporter.js';
import { telemetrySettings } from './settings.js';
import { TelemetryIntake } from './telemetry-intake.js';
import { anAnswer, digestOf, FakeModelStore, RecordingIntakeObserver, T0 } from './testing/index.js';

let test: TestDatabase;
beforeAll(async () => {
  test = await openTestDatabase([telemetryPersistence]);
}, 60_000);
afterAll(() => test.close());

describe('coverage', () => {
  it('falls below one when answers were shed, because what was served is counted apart from them', async () => {
    const settings = parseSettings([telemetrySettings], { RATCHET_TELEMETRY_BUFFER_ENTRIES: '10' }).of(
      telemetrySettings,
    );
    const clock = new FakeClock(T0);
    const views = new ModelViews(new FakeModelStore(), clock);
    const ledger = new PostgresBatchLedger(test.db);
    const intake = new TelemetryIntake(ledger, views, clock, settings, new RecordingIntakeObserver());
    const reporter = new ServedReporter(intake, new CountingIds());
    const windows = new PostgresWindowStore(test.db);
    const counts = { model: 'toy', version: digestOf('a'), at: T0, seconds: 10 };

    for (let n = 0; n < 40; n += 1) intake.accept(anAnswer(n));
    await expect(reporter.report([{ ...counts, requests: 40 }])).rejects.toThrow('no room');
    await intake.flush();
    const [silent] = await windows.listModel('toy', new Date(0));
    expect(silent).toMatchObject({ requests: 10, served: null }); // nobody has said anything yet

    const told = reporter.report([{ ...counts, requests: 40 }]);
    await intake.flush();
    await told;
    const [window] = await windows.listModel('toy', new Date(0));
    expect(window).toMatchObject({ requests: 10, served: 40 });
  });
});
