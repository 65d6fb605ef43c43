import type { Persistence } from '../platform/postgres/index.js';
import { AddOutputPairs1763700360000 } from './adapters/postgres/migrations/1763700360000-add-output-pairs.js';
import { CreateTelemetry1763700300000 } from './adapters/postgres/migrations/1763700300000-create-telemetry.js';
import { AddWindowEvidence1763700310000 } from './adapters/postgres/migrations/1763700310000-add-window-evidence.js';
import { WindowStateAndAnswerShare1763700330000 } from './adapters/postgres/migrations/1763700330000-window-state-and-answer-share.js';
import { HalvesAndReplay1763700340000 } from './adapters/postgres/migrations/1763700340000-halves-and-replay.js';
import { SampleReservoirAndServed1763700350000 } from './adapters/postgres/migrations/1763700350000-sample-reservoir-and-served.js';

/** No entities: every statement of this stage works on many rows at once. */
export const telemetryPersistence: Persistence = {
  entities: [],
  migrations: [
    CreateTelemetry1763700300000,
    AddWindowEvidence1763700310000,
    WindowStateAndAnswerShare1763700330000,
    HalvesAndReplay1763700340000,
    SampleReservoirAndServed1763700350000,
    AddOutputPairs1763700360000,
  ],
};
