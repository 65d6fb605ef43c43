/** An alarm so long after a change, at most, is taken as its finding in F1; any other alarm is a false one. */
const HORIZON = 1_000;

/**
 * What alarms are worth on streams with at most one change each.
 * Delay: from the change to the first alarm after it, on streams where none stood at the change already (`stands`: an alarm
 * that began before it lasts).
 */
export function judge(streams, alarmsOf, { horizon = HORIZON, stands = false } = {}) {
  let before = 0;
  let observedBefore = 0;
  let streamsWithFalse = 0;
  const delays = [];
  const f1 = { hits: 0, false: 0, missed: 0 };
  for (const stream of streams) {
    const alarms = alarmsOf(stream);
    const change = stream.changes[0] ?? stream.length;
    const early = alarms.filter((at) => at < change);
    before += early.length;
    observedBefore += change;
    if (early.length > 0) streamsWithFalse += 1;
    addF1(f1, alarms, stream.changes, stream.horizon ?? horizon);
    if (stream.changes.length === 0 || (stands && early.length > 0)) continue;
    delays.push(delayAfter(change, alarms));
  }
  return summaryOf({ streams, before, observedBefore, streamsWithFalse, delays, f1 });
}

/** Observations from the change to the first alarm, both included; null = missed. */
function delayAfter(change, alarms) {
  const found = alarms.find((at) => at >= change);
  return found === undefined ? null : found - change + 1;
}

function summaryOf({ streams, before, observedBefore, streamsWithFalse, delays: all, f1 }) {
  const changed = all.length;
  const delays = all.filter((delay) => delay !== null);
  const missed = changed - delays.length;
  return {
    streams: streams.length,
    falsePer10k: (10_000 * before) / observedBefore,
    falseShare: streamsWithFalse / streams.length,
    missShare: changed === 0 ? null : missed / changed,
    meanDelay: delays.length === 0 ? null : delays.reduce((sum, delay) => sum + delay, 0) / delays.length,
    f1: ratio(f1),
  };
}

/** Every change is found by the first alarm within the horizon after it; all others are false. */
export function addF1(f1, alarms, changes, horizon) {
  const used = new Set();
  for (const change of changes) {
    const hit = alarms.find((at) => at >= change && at < change + horizon && !used.has(at));
    if (hit === undefined) f1.missed += 1;
    else {
      f1.hits += 1;
      used.add(hit);
    }
  }
  f1.false += alarms.length - used.size;
}

export function ratio({ hits, false: wrong, missed }) {
  return hits === 0 ? 0 : (2 * hits) / (2 * hits + wrong + missed);
}
