import type { ModelSpec } from '../models/index.js';
import { redactedColumns } from '../serving/index.js';
import type { HalfEvent, Tensor } from './domain/event.js';
import { KSERVE_REQUEST } from './domain/kserve.js';
import type { ReceivedHalf } from './ports.js';

/**
 * What is kept of a half while it waits: the record as it came, or, where the model's document redacts columns of the
 * input, a record that says the same with zeros in their places.
 */
export function redactedHalf(one: ReceivedHalf, spec: ModelSpec | null): Pick<ReceivedHalf, 'format' | 'record'> {
  const { half, format, record } = one;
  const places = spec === null ? [] : redactedColumns(spec.telemetry);
  if (places.length === 0 || half.side === 'response') return { format, record };
  const inputs = half.tensors.map(({ name, rows, values }) => ({
    ...{ name, datatype: values instanceof Float32Array ? 'FP32' : 'FP64' },
    ...{ shape: [rows, values.length / rows], data: zeroed(values, rows, places) },
  }));
  const value = new TextEncoder().encode(JSON.stringify({ inputs }));
  return { format: 'cloudevents', record: { ...record, value, headers: headersOf(half) } };
}

function zeroed(values: Tensor['values'], rows: number, places: readonly number[]): readonly (number | string)[] {
  const size = values.length / rows;
  const hidden = new Set(places);
  return Array.from<number | string, number | string>(values, (value, at) =>
    typeof value === 'number' && hidden.has(at % size) ? 0 : value,
  );
}

function headersOf({ id, model, version, arm, atMs }: HalfEvent): Readonly<Record<string, string>> {
  return {
    ...{ ce_specversion: '1.0', ce_id: id, ce_type: KSERVE_REQUEST, ce_source: 'redacted', ce_ratchetmodel: model },
    ...(version === null ? {} : { ce_ratchetversion: version }),
    ...(arm === 'candidate' ? { ce_endpoint: 'canary' } : {}),
    ...(atMs === null ? {} : { ce_time: timeText(atMs) }),
  };
}

function timeText(ms: number): string {
  const fraction = ((ms % 1000) / 1000).toFixed(7).slice(1);
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}${fraction}Z`;
}
