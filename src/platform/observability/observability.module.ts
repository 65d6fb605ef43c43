import { Global, Inject, Module } from '@nestjs/common';
import { type SettingsOf } from '../config/index.js';
import { setLogLevel } from './log.js';
import { collectProcessMetrics } from './metrics.js';
import { ReadinessRegistry } from './readiness.js';
import { observabilitySettings } from './settings.js';

/** Sets the log level, collects process metrics, and provides the registry of readiness checks everywhere. */
@Global()
@Module({ providers: [ReadinessRegistry], exports: [ReadinessRegistry] })
export class ObservabilityModule {
  constructor(@Inject(observabilitySettings.token) settings: SettingsOf<typeof observabilitySettings>) {
    setLogLevel(settings.level);
    collectProcessMetrics();
  }
}
