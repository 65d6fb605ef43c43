import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ArtifactStore, ModelStore } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import type { SettingsOf } from '../platform/config/index.js';
import { log } from '../platform/observability/index.js';
import { RouteController } from './adapters/http/route.controller.js';
import { OnnxEngine } from './adapters/onnx/onnx-engine.js';
import { PostgresGatewayRegister } from './adapters/postgres/gateway-register.js';
import { PostgresGatewayStatus } from './adapters/postgres/gateway-status.js';
import { EngineScorer } from './engine-scorer.js';
import { queueDepth, workerRestartsTotal } from './metrics.js';
import {
  BackgroundEngine,
  GatewayRegister,
  GatewayStatus,
  type InferenceEngine,
  Scorer,
  ServingEngine,
} from './ports.js';
import { RouteStoreModule } from './route-store.module.js';
import { RouteReconciler } from './route.reconciler.js';
import { servingSettings } from './settings.js';

type Settings = SettingsOf<typeof servingSettings>;

/** Nobody waits for the background thread, so what it does may take its time. */
const BACKGROUND_TIMEOUT_MS = 60_000;
/** Places in the background queue beside those of mirrored requests, for re-scoring. */
const SCORING_PLACES = 64;

const engine = (name: 'serving' | 'background') => ({
  onDepth: (depth: number) => queueDepth.set({ engine: name }, depth),
  onRestart: (reason: string) => {
    workerRestartsTotal.inc({ engine: name });
    log.warn({ engine: name, reason }, 'inference thread is replaced');
  },
});

/** The control side: routes and their default, what the gateways report, and scoring off the request path. */
@Module({
  imports: [ModelsModule, RouteStoreModule],
  controllers: [RouteController],
  providers: [
    RouteReconciler,
    { provide: GatewayStatus, useClass: PostgresGatewayStatus },
    { provide: GatewayRegister, useClass: PostgresGatewayRegister },
    {
      provide: ServingEngine,
      inject: [ArtifactStore, servingSettings.token],
      useFactory: (artifacts: ArtifactStore, settings: Settings) =>
        new OnnxEngine(artifacts, {
          threads: settings.workers,
          queueLimit: settings.queueLimit,
          timeoutMs: settings.requestTimeoutMs,
          idleSessions: 0,
          ...engine('serving'),
        }),
    },
    {
      provide: BackgroundEngine,
      inject: [ArtifactStore, servingSettings.token],
      useFactory: (artifacts: ArtifactStore, settings: Settings) =>
        new OnnxEngine(artifacts, {
          threads: 1,
          queueLimit: settings.mirrorQueueLimit + SCORING_PLACES,
          timeoutMs: BACKGROUND_TIMEOUT_MS,
          idleSessions: settings.backgroundSessions,
          ...engine('background'),
        }),
    },
    {
      provide: Scorer,
      inject: [ModelStore, BackgroundEngine],
      useFactory: (models: ModelStore, background: InferenceEngine) => new EngineScorer(models, background),
    },
  ],
  exports: [RouteStoreModule, GatewayStatus, GatewayRegister, Scorer, ServingEngine, BackgroundEngine],
})
export class RoutesModule implements OnApplicationShutdown {
  constructor(
    @Inject(ServingEngine) private readonly serving: InferenceEngine,
    @Inject(BackgroundEngine) private readonly background: InferenceEngine,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.serving.close(), this.background.close()]);
  }
}
