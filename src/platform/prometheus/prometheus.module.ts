import { Global, Module } from '@nestjs/common';
import { PrometheusClient } from './client.js';
import { prometheusSettings, type PrometheusSettings } from './settings.js';

/** Token of the client, a `PrometheusClient`; null when no Prometheus is configured. */
export const PROMETHEUS = Symbol('prometheus');

/** The one client of the process. Nothing is asked before it is used. */
@Global()
@Module({
  providers: [{ provide: PROMETHEUS, inject: [prometheusSettings.token], useFactory: createPrometheus }],
  exports: [PROMETHEUS],
})
export class PrometheusModule {}

/** The client of the configured Prometheus; null when there is none. */
export function createPrometheus(settings: PrometheusSettings): PrometheusClient | null {
  const { url } = settings;
  return url === undefined ? null : new PrometheusClient({ ...settings, url });
}
