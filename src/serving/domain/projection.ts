import type { Projection } from '../../models/index.js';

/**
 * Random signs of a projection of rows of `length` numbers, for these of its dimensions: 1 or -1 for each number, one
 * array a dimension. A function of the seed, the dimension and the place alone, so that every data plane and every
 * language that follows it computes the same features: with `words = ceil(length / 32)`, number `j` of dimension `i`
 * has the sign + when bit `j mod 32` of `mix(seed + 0x9E3779B9 × (i × words + floor(j / 32) + 1))` is set, all in
 * unsigned 32 bits. `test-vector` in the spec pins it down.
 *
 * Source: signs instead of Gaussians: Achlioptas, "Database-friendly random projections" (2003); `mix`: Appleby,
 * MurmurHash3 `fmix32`, over a Weyl sequence (Steele, Lea, Flood 2014).
 */
export function projectionSigns({ seed }: Projection, dimensions: readonly number[], length: number): Int8Array[] {
  const words = Math.ceil(length / 32);
  return dimensions.map((dimension) => {
    const signs = new Int8Array(length);
    for (let word = 0; word < words; word += 1) {
      const bits = mix(seed + Math.imul(0x9e3779b9, dimension * words + word + 1));
      for (let bit = 0; bit < 32 && word * 32 + bit < length; bit += 1) {
        signs[word * 32 + bit] = (bits >>> bit) & 1 ? 1 : -1;
      }
    }
    return signs;
  });
}

/** Sum of the row's numbers with these signs, divided by the square root of their count: of the size of one number. */
export function project(row: Float32Array, signs: Int8Array): number {
  let sum = 0;
  for (let i = 0; i < row.length; i += 1) sum += row[i]! * signs[i]!;
  return sum / Math.sqrt(row.length);
}

function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
