import { FakeClock } from '../../kernel/testing/index.js';
import { FakeChampionHistory } from '../../models/testing/index.js';
import { parseSettings } from '../../platform/config/index.js';
import type { Database } from '../../platform/postgres/index.js';
import { ProtocolDecoder } from '../adapters/cloudevents/foreign-decoder.js';
import { HalfJoin } from '../adapters/postgres/join-halves.js';
import { PostgresBatchLedger } from '../adapters/postgres/postgres-batch-ledger.js';
import { PostgresDeadLetterStore } from '../adapters/postgres/postgres-dead-letter-store.js';
import { PostgresWindowStore } from '../adapters/postgres/postgres-window-store.js';
import { HalfExpiry } from '../half-expiry.js';
import { LedgerLogIntake } from '../log-intake.js';
import { ModelViews } from '../model-views.js';
import { telemetrySettings } from '../settings.js';
import { aModel, digestOf, FakeModelStore, T0 } from './index.js';

/** The real way in for logs on a real database, for the model `toy` whose champion is always the version `a`. */
export interface LogStage {
  readonly clock: FakeClock;
  readonly intake: LedgerLogIntake;
  readonly expiry: HalfExpiry;
  readonly letters: PostgresDeadLetterStore;
  readonly windows: PostgresWindowStore;
}

/** Its clock stands a minute after `T0`. */
export async function makeLogStage(db: Database, env: Readonly<Record<string, string>> = {}): Promise<LogStage> {
  const settings = parseSettings([telemetrySettings], env).of(telemetrySettings);
  const clock = new FakeClock(new Date(T0.getTime() + 60_000));
  const champions = new FakeChampionHistory();
  const profile = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };
  const period = { model: 'toy', champion: digestOf('a'), reference: digestOf('0'), promotion: null, profile };
  await champions.begin({ ...period, at: new Date(0) });
  const decoder = new ProtocolDecoder(settings);
  const ledger = new PostgresBatchLedger(db, new HalfJoin(db, decoder, champions, async () => null, settings));
  return {
    clock,
    intake: new LedgerLogIntake(
      ledger,
      new ModelViews(new FakeModelStore([aModel()]), clock),
      decoder,
      clock,
      settings,
    ),
    expiry: new HalfExpiry(ledger, db, clock),
    letters: new PostgresDeadLetterStore(db),
    windows: new PostgresWindowStore(db),
  };
}
