/**
 * 32-bit FNV-1a over UTF-16 code units with murmur3's final mix: the same text gives the same number on every machine
 * and in every release, which the holdout split relies on. Another `basis` gives numbers that have nothing to do with
 * these. Not for secrets.
 * Source: Fowler, Noll, Vo, "FNV hash"; Appleby, MurmurHash3 `fmix32` (public domain).
 */
export function stableHash(text: string, basis = 0x811c9dc5): number {
  let hash = basis;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Every fifth request is held out of training, for ever: no later snapshot can train on what an earlier one judged by. */
export function isHoldout(requestId: string): boolean {
  return stableHash(requestId) % 5 === 0;
}
