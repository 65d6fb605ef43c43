import * as arrow from 'apache-arrow';
import type { SnapshotRow } from '../../domain/snapshot-rows.js';

/** Rows as the bytes of an Arrow IPC file; the same rows always give the same bytes. Every input has `inputLength` numbers. */
export function snapshotFile(rows: readonly SnapshotRow[], inputLength: number): Uint8Array {
  const columns = {
    request_id: texts(rows.map((row) => row.requestId)),
    at: times(rows.map((row) => row.at)),
    version: texts(rows.map((row) => row.version)),
    input: inputs(rows, inputLength),
    prediction: numbers(rows.map((row) => row.prediction)),
    confidence: numbers(rows.map((row) => row.confidence)),
    label: numbers(rows.map((row) => row.label)),
    stratum: texts(rows.map((row) => row.stratum)),
    weight: numbers(rows.map((row) => row.weight)),
  };
  const schema = new arrow.Schema(
    Object.entries(columns).map(
      ([name, data]) => new arrow.Field(name, data.type as arrow.DataType, name === 'confidence' || name === 'label'),
    ),
  );
  const struct = arrow.makeData({
    type: new arrow.Struct(schema.fields),
    length: rows.length,
    nullCount: 0,
    children: Object.values(columns) as arrow.Data[],
  });
  return arrow.tableToIPC(new arrow.Table(schema, [new arrow.RecordBatch(schema, struct)]), 'file');
}

function texts(values: readonly string[]): arrow.Data<arrow.Utf8> {
  const encoded = values.map((value) => new TextEncoder().encode(value));
  const valueOffsets = new Int32Array(values.length + 1);
  encoded.forEach((bytes, i) => {
    valueOffsets[i + 1] = (valueOffsets[i] ?? 0) + bytes.length;
  });
  const data = new Uint8Array(valueOffsets[values.length] ?? 0);
  encoded.forEach((bytes, i) => {
    data.set(bytes, valueOffsets[i]);
  });
  return arrow.makeData({ type: new arrow.Utf8(), length: values.length, nullCount: 0, valueOffsets, data });
}

function times(values: readonly Date[]): arrow.Data<arrow.Timestamp> {
  const data = BigInt64Array.from(values, (value) => BigInt(value.getTime()));
  const type = new arrow.Timestamp(arrow.TimeUnit.MILLISECOND, 'UTC');
  return arrow.makeData({ type, length: values.length, nullCount: 0, data });
}

function numbers(values: readonly (number | null)[]): arrow.Data<arrow.Float64> {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, i) => {
    if (value !== null) nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7));
  });
  const nullCount = values.filter((value) => value === null).length;
  const data = Float64Array.from(values, (value) => value ?? 0);
  return arrow.makeData({
    type: new arrow.Float64(),
    length: values.length,
    nullCount,
    ...(nullCount > 0 ? { nullBitmap } : {}),
    data,
  });
}

function inputs(rows: readonly SnapshotRow[], inputLength: number): arrow.Data<arrow.FixedSizeList<arrow.Float32>> {
  const data = new Float32Array(rows.length * inputLength);
  rows.forEach((row, i) => {
    data.set(row.input, i * inputLength);
  });
  const child = arrow.makeData({ type: new arrow.Float32(), length: data.length, nullCount: 0, data });
  const type = new arrow.FixedSizeList(inputLength, new arrow.Field('item', new arrow.Float32(), false));
  return arrow.makeData({ type, length: rows.length, nullCount: 0, child });
}
