import { hostname } from 'node:os';
import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Clock, Ids } from '../kernel/index.js';
import { ModelStore } from '../models/index.js';
import { ModelsModule } from '../models/models.module.js';
import type { SettingsOf } from '../platform/config/index.js';
import { log, ReadinessRegistry } from '../platform/observability/index.js';
import { OpenInferenceController } from './adapters/http/open-inference.controller.js';
import { Gateway } from './gateway.js';
import { ExposureRecorder } from './exposure-recorder.js';
import { LateSink } from './late-sink.js';
import { Loop } from './loop.js';
import { Mirror } from './mirror.js';
import {
  AnswerSink,
  BackgroundEngine,
  ExposureLog,
  GatewayRegister,
  type InferenceEngine,
  RouteStore,
  ServedSink,
  ServingEngine,
} from './ports.js';
import { RouteSync, type RouteSyncParts, type SyncObserver } from './route-sync.js';
import { RouteTable } from './route-table.js';
import { RoutesModule } from './routes.module.js';
import { ServedCounter } from './served-counter.js';
import { servingSettings } from './settings.js';

type Settings = SettingsOf<typeof servingSettings>;

const logging: SyncObserver = {
  swapped: (model, { stable, candidate, weight, mirror, epoch }) =>
    log.info({ model, stable, candidate, weight, mirror, epoch }, 'route in force'),
  versionFailed: (model, digest, error) => log.error({ model, digest, err: error }, 'version cannot be served'),
  storeAway: (error) => log.warn({ err: error }, 'routes cannot be read; the last known ones stay in force'),
  storeBack: () => log.info('routes can be read again'),
};

/** The built-in data plane. Needs an `AnswerSink` somewhere in the application: telemetry provides it. */
@Module({
  imports: [RoutesModule, ModelsModule],
  controllers: [OpenInferenceController],
  providers: [
    RouteTable,
    LateSink,
    {
      provide: ExposureRecorder,
      inject: [ExposureLog],
      useFactory: (exposures: ExposureLog) => new ExposureRecorder(exposures),
    },
    { provide: ServedCounter, inject: [Clock], useFactory: (clock: Clock) => new ServedCounter(clock) },
    {
      provide: Mirror,
      inject: [BackgroundEngine, LateSink, servingSettings.token],
      useFactory: (background: InferenceEngine, sink: LateSink, settings: Settings) =>
        new Mirror(background, sink, settings.mirrorQueueLimit),
    },
    {
      provide: Gateway,
      inject: [
        ...[RouteTable, ServingEngine, Mirror, LateSink, ServedCounter, ExposureRecorder, Clock, Ids],
        servingSettings.token,
      ],
      useFactory: (
        table: RouteTable,
        engine: InferenceEngine,
        mirror: Mirror,
        sink: LateSink,
        counter: ServedCounter,
        exposures: ExposureRecorder,
        clock: Clock,
        ids: Ids,
        { maxRows, arm, armLingerSeconds }: Settings,
      ) => {
        const pin = { arm, lingerMs: armLingerSeconds * 1000 };
        return new Gateway({ table, engine, mirror, sink, counter, exposures, clock, ids, maxRows, pin });
      },
    },
    {
      provide: RouteSync,
      inject: [
        ...[RouteStore, ModelStore, GatewayRegister, ServingEngine, BackgroundEngine, RouteTable, Clock, Ids],
        servingSettings.token,
      ],
      useFactory: (
        routes: RouteStore,
        models: ModelStore,
        register: GatewayRegister,
        serving: InferenceEngine,
        background: InferenceEngine,
        table: RouteTable,
        clock: Clock,
        ids: Ids,
        { arm }: Settings,
      ) => {
        const instance = `${hostname()}/${ids.next()}`;
        const parts: RouteSyncParts = {
          ...{ instance, arm, routes, models, register, serving, background, table, clock },
          observer: logging,
        };
        return new RouteSync(parts);
      },
    },
  ],
  exports: [Gateway],
})
export class GatewayModule implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly loops: readonly Loop[];
  private servedSink: ServedSink | null = null;
  private servedFails = false;
  private exposuresFail = false;

  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly sync: RouteSync,
    private readonly sink: LateSink,
    private readonly counter: ServedCounter,
    private readonly exposures: ExposureRecorder,
    private readonly readiness: ReadinessRegistry,
    @Inject(servingSettings.token) settings: Settings,
  ) {
    this.loops = [
      new Loop(settings.routeIntervalMs, () => this.sync.pass()),
      new Loop(settings.heartbeatMs, () => this.sync.report()),
      new Loop(settings.servedIntervalMs, () => this.tellServed()),
      new Loop(settings.heartbeatMs, () => this.writeExposures()),
    ];
  }

  onModuleInit(): void {
    this.readiness.register('gateway', () => this.sync.ready());
  }

  onApplicationBootstrap(): void {
    // Telemetry is downstream, so it cannot be imported here; the application brings it.
    this.sink.connect(this.moduleRef.get(AnswerSink, { strict: false }));
    this.servedSink = this.moduleRef.get(ServedSink, { strict: false });
    for (const loop of this.loops) loop.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
    await this.tellServed();
    await this.writeExposures();
    await this.sync.leave();
  }

  /** Never rejects: what could not be written now is written the next time. */
  private async writeExposures(): Promise<void> {
    try {
      await this.exposures.flush();
      this.exposuresFail = false;
    } catch (error) {
      if (!this.exposuresFail) log.warn({ err: error }, 'exposures could not be written; they are written again');
      this.exposuresFail = true;
    }
  }

  /** Never rejects: counts that could not be told now are told the next time. */
  private async tellServed(): Promise<void> {
    if (this.servedSink === null) return;
    try {
      await this.counter.tell(this.servedSink);
      this.servedFails = false;
    } catch (error) {
      if (!this.servedFails)
        log.warn({ err: error }, 'what was served could not be told to telemetry; it is told again');
      this.servedFails = true;
    }
  }
}
