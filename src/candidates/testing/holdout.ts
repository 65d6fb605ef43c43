import {
  FixedSizeList,
  Field,
  Float32,
  Float64,
  makeData,
  Table,
  tableToIPC,
  TimestampMillisecond,
  Utf8,
  vectorFromArray,
  Vector,
} from 'apache-arrow';

/** A held-out file with the columns that evaluation reads: rows of four numbers whose label is the largest one's place. */
export function holdoutFile(
  rows: number,
  options: { readonly labelled?: boolean; readonly width?: number } = {},
): Uint8Array {
  const width = options.width ?? 4;
  const values = new Float32Array(rows * width);
  const labels: (number | null)[] = [];
  for (let row = 0; row < rows; row += 1) {
    for (let i = 0; i < width; i += 1) values[row * width + i] = ((row * 7 + i * 3) % 11) / 11 - 0.4;
    const place = row % width;
    values[row * width + place] = 1.5;
    labels.push(options.labelled === false ? null : place);
  }
  const child = makeData({ type: new Float32(), length: values.length, data: values });
  const list = new FixedSizeList(width, new Field('item', new Float32(), false));
  const input = new Vector([makeData({ type: list, length: rows, child })]);
  const times = Array.from({ length: rows }, (_, row) => 1_767_225_600_000 + row * 1000);
  const table = new Table({
    request_id: vectorFromArray(
      labels.map((_, row) => `r${row}`),
      new Utf8(),
    ),
    at: vectorFromArray(times, new TimestampMillisecond()),
    input,
    label: vectorFromArray(labels, new Float64()),
  });
  return tableToIPC(table, 'file');
}
