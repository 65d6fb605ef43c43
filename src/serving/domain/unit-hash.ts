const { imul } = Math;

/**
 * Uniform on [0, 1), decided by the texts alone: the same texts always give the same number, different ones independent
 * numbers. MurmurHash3 (x86, 32 bit; Austin Appleby, public domain) over the UTF-16 code units, texts kept apart by a
 * separator, so that `("ab", "c")` and `("a", "bc")` differ. Not for secrets.
 */
export function unitHash(...texts: readonly string[]): number {
  const text = texts.join('\u0000');
  let hash = 0x9747b28c;
  const pairs = text.length >> 1;
  for (let i = 0; i < pairs; i += 1) {
    hash =
      imul(rotate(hash ^ scramble(text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 16)), 13), 5) + 0xe6546b64;
  }
  if (text.length % 2 === 1) hash ^= scramble(text.charCodeAt(text.length - 1));
  return finalise(hash ^ (2 * text.length)) / 4_294_967_296;
}

function scramble(block: number): number {
  return imul(rotate(imul(block, 0xcc9e2d51), 15), 0x1b873593);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function finalise(hash: number): number {
  let mixed = hash;
  mixed = imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
