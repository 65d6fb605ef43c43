const LINE = /^(\w+?)(?:\{(.*)\})? (\S+)$/;

/** Samples of an exposition in text, by metric, each with its labels. */
export function parseMetrics(text) {
  const metrics = new Map();
  for (const line of text.split('\n')) {
    const [, name, inner = '', value] = LINE.exec(line) ?? [];
    if (name === undefined) continue;
    const labels = Object.fromEntries([...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]));
    metrics.set(name, [...(metrics.get(name) ?? []), { labels, value: Number(value) }]);
  }
  return metrics;
}

/** A histogram's growth between two expositions, for the given kinds together: count, sum and upper bounds with counts. */
export function growth(before, after, name, kinds) {
  const sum = (metrics, suffix, le) =>
    (metrics.get(`${name}_${suffix}`) ?? [])
      .filter(({ labels }) => kinds.includes(labels.kind) && (le === undefined || labels.le === le))
      .reduce((total, { value }) => total + value, 0);
  const grown = (suffix, le) => sum(after, suffix, le) - sum(before, suffix, le);
  const bounds = [...new Set((after.get(`${name}_bucket`) ?? []).map(({ labels }) => labels.le))];
  const buckets = bounds.map((le) => ({ upTo: le === '+Inf' ? Infinity : Number(le), count: grown('bucket', le) }));
  return { count: grown('count'), sum: grown('sum'), buckets: buckets.sort((a, b) => a.upTo - b.upTo) };
}

/** A quantile, linear within its bucket; the largest finite bound where it lies beyond. */
export function quantile({ count, buckets }, q) {
  if (count === 0) return Number.NaN;
  const rank = q * count;
  let [low, below] = [0, 0];
  for (const { upTo, count: upToHere } of buckets) {
    if (upToHere >= rank && upToHere > below)
      return upTo === Infinity ? low : low + ((rank - below) / (upToHere - below)) * (upTo - low);
    [low, below] = [upTo, upToHere];
  }
  return low;
}
