/** Repeatable uniform numbers on [0, 1): mulberry32, a seed a stream. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Pairs that differ in being right with probability `disagreement`, with this mean difference; written into `target`. */
export function pairs(target, seed, disagreement, effect) {
  const random = seeded(seed);
  const better = (disagreement + effect) / 2;
  for (let i = 0; i < target.length; i += 1) {
    const u = random();
    target[i] = u < better ? 1 : u < disagreement ? -1 : 0;
  }
  return target;
}

/** The same for two arms that answer requests of their own: the difference of their i-th ones. */
export function arms(target, seed, accuracy, effect) {
  const random = seeded(seed);
  for (let i = 0; i < target.length; i += 1)
    target[i] = Number(random() < accuracy + effect) - Number(random() < accuracy);
  return target;
}

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}
