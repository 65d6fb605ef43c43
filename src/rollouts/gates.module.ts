import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../kernel/index.js';
import { ReadinessRegistry } from '../platform/observability/index.js';
import {
  PROMETHEUS,
  PrometheusClient,
  PrometheusModule,
  prometheusSettings,
  type PrometheusSettings,
} from '../platform/prometheus/index.js';
import { LatencySketches, WindowStore } from '../telemetry/index.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { PrometheusGateAdmission } from './adapters/prometheus/prometheus-gate-admission.js';
import { PrometheusGateMeter } from './adapters/prometheus/prometheus-gate-meter.js';
import { WindowGateAdmission } from './adapters/windows/window-gate-admission.js';
import { WindowGateMeter } from './adapters/windows/window-gate-meter.js';
import { gateSourceInfo } from './metrics.js';
import { GateAdmission, GateMeter } from './ports.js';

/** Who answers the gates: the configured Prometheus, or else the telemetry windows. */
@Module({
  imports: [TelemetryModule, PrometheusModule],
  providers: [
    {
      provide: GateMeter,
      inject: [WindowStore, LatencySketches, Clock, PROMETHEUS, prometheusSettings.token],
      useFactory: (
        windows: WindowStore,
        sketches: LatencySketches,
        clock: Clock,
        prometheus: PrometheusClient | null,
        settings: PrometheusSettings,
      ): GateMeter => {
        const fromWindows = new WindowGateMeter(windows, sketches, clock);
        return prometheus === null ? fromWindows : new PrometheusGateMeter(prometheus, fromWindows, clock, settings);
      },
    },
    {
      provide: GateAdmission,
      inject: [PROMETHEUS],
      useFactory: (prometheus: PrometheusClient | null): GateAdmission =>
        prometheus === null ? new WindowGateAdmission() : new PrometheusGateAdmission(prometheus),
    },
  ],
  exports: [GateMeter, GateAdmission],
})
export class GatesModule implements OnModuleInit {
  constructor(
    private readonly readiness: ReadinessRegistry,
    @Inject(PROMETHEUS) private readonly prometheus: PrometheusClient | null,
  ) {}

  /** A Prometheus that is away does not make the process unready: rollouts hold, and everything else goes on. */
  onModuleInit(): void {
    const { prometheus } = this;
    gateSourceInfo.set({ source: prometheus === null ? 'windows' : 'prometheus' }, 1);
    this.readiness.register('gates', () =>
      Promise.resolve(
        prometheus === null
          ? 'read from the telemetry windows'
          : `read from Prometheus at ${prometheus.address}; ${prometheus.lastHeard}`,
      ),
    );
  }
}
