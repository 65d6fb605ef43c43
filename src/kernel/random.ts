// Looked up once: in a sandboxed realm (as tests run in) every global costs far more than the arithmetic.
const { imul } = Math;

/**
 * A small deterministic generator (mulberry32) for tests, sampling and simulations that must be repeatable.
 * Uniform on [0, 1); not for secrets. Source: Tommy Ettinger's public-domain mulberry32.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
