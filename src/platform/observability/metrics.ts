import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Every metric of this process; what `/metrics` answers. */
export const registry = new Registry();

interface MetricDescription<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** A counter on the one registry; asked for twice it is the same one. */
export function counter<Label extends string = never>(metric: MetricDescription<Label>): Counter<Label> {
  return known<Counter<Label>>(metric.name) ?? new Counter(configuration(metric));
}

/** A gauge on the one registry; asked for twice it is the same one. */
export function gauge<Label extends string = never>(metric: MetricDescription<Label>): Gauge<Label> {
  return known<Gauge<Label>>(metric.name) ?? new Gauge(configuration(metric));
}

/** A histogram on the one registry; `buckets` are upper bounds in the unit of the name. */
export function histogram<Label extends string = never>(
  metric: MetricDescription<Label> & { readonly buckets?: readonly number[] },
): Histogram<Label> {
  const buckets = metric.buckets ? { buckets: [...metric.buckets] } : {};
  return known<Histogram<Label>>(metric.name) ?? new Histogram({ ...configuration(metric), ...buckets });
}

/** Memory, event loop and garbage collection of this process; once a process. */
export function collectProcessMetrics(): void {
  if (!known('process_cpu_user_seconds_total')) collectDefaultMetrics({ register: registry });
}

function configuration<Label extends string>(metric: MetricDescription<Label>) {
  return { name: metric.name, help: metric.help, labelNames: [...(metric.labels ?? [])], registers: [registry] };
}

function known<Metric>(name: string): Metric | undefined {
  return registry.getSingleMetric(name) as Metric | undefined;
}
