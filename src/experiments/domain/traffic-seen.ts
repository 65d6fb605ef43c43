import { LatencySketch, type Window } from '../../telemetry/index.js';
import { NO_TRAFFIC_SEEN, type TrafficSeen } from './reckon.js';

/** What these windows of one version say about its traffic; the rate from the first of them until `now` (ms since 1970). */
export function trafficOf(windows: readonly Window[], now: number): TrafficSeen {
  const busy = windows.filter(({ requests }) => requests > 0);
  if (busy.length === 0) return NO_TRAFFIC_SEEN;
  const first = Math.min(...busy.map(({ start }) => start.getTime()));
  const last = Math.max(...busy.map(({ start, seconds }) => start.getTime() + 1000 * seconds));
  const sum = (of: (window: Window) => number): number => busy.reduce((total, window) => total + of(window), 0);
  const requests = sum((window) => window.requests);
  const sketch = new LatencySketch();
  for (const { latency } of busy) sketch.addBytes(latency);
  return {
    requestsPerSecond: requests / Math.max(1, (Math.min(last, Math.max(now, first + 1000)) - first) / 1000),
    labelledShare: sum((window) => window.labelled) / requests,
    errorRatio: sum((window) => window.errors) / requests,
    latency: sketch.cells(),
  };
}
