import type { Type } from '@nestjs/common';
import { candidatesPersistence } from '../candidates/persistence.js';
import { CandidatesModule } from '../candidates/candidates.module.js';
import { experimentsPersistence } from '../experiments/persistence.js';
import { ExperimentsModule } from '../experiments/experiments.module.js';
import { jobsPersistence } from '../jobs/persistence.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { modelsPersistence } from '../models/persistence.js';
import { ModelsModule } from '../models/models.module.js';
import { monitorsPersistence } from '../monitors/persistence.js';
import { MonitorsModule } from '../monitors/monitors.module.js';
import { platformHttpPersistence } from '../platform/audit/index.js';
import type { Persistence } from '../platform/postgres/index.js';
import { promotionsPersistence } from '../promotions/persistence.js';
import { PromotionsModule } from '../promotions/promotions.module.js';
import { rolloutsPersistence } from '../rollouts/persistence.js';
import { RolloutsModule } from '../rollouts/rollouts.module.js';
import { servingPersistence } from '../serving/persistence.js';
import { RoutesModule } from '../serving/routes.module.js';
import { telemetryPersistence } from '../telemetry/persistence.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { triggersPersistence } from '../triggers/persistence.js';
import { TriggersModule } from '../triggers/triggers.module.js';

/** The stages' modules in the data's order; the data plane of `serving` is a role of its own. */
export const STAGE_MODULES: readonly Type[] = [
  ModelsModule,
  RoutesModule,
  TelemetryModule,
  MonitorsModule,
  TriggersModule,
  JobsModule,
  CandidatesModule,
  ExperimentsModule,
  RolloutsModule,
  PromotionsModule,
];

/** Every table of the program and the migrations that make them. */
export const PERSISTENCE: readonly Persistence[] = [
  platformHttpPersistence,
  modelsPersistence,
  servingPersistence,
  telemetryPersistence,
  monitorsPersistence,
  triggersPersistence,
  jobsPersistence,
  candidatesPersistence,
  experimentsPersistence,
  rolloutsPersistence,
  promotionsPersistence,
];
