import { log } from '../platform/observability/index.js';
import type { FollowObserver } from './log-follower.js';
import type { SinkObserver } from './log-event-sink.js';
import {
  logCrashesTotal,
  logFencedTotal,
  logFetchedBytesTotal,
  logFetchedRecordsTotal,
  logLagRecords,
  logLostRecordsTotal,
  logPausedSecondsTotal,
  logPausesTotal,
  logRebalancesTotal,
  logResetsTotal,
  producedTotal,
  produceSeconds,
  producingEvents,
  shedTotal,
} from './metrics.js';

/** What happens while the log is read, as metrics and log lines. */
export const watchFollowing: FollowObserver = {
  assigned: (sources) => {
    if (sources.length > 0) logRebalancesTotal.inc();
    log.info({ partitions: sources.map(({ topic, partition }) => `${topic}/${partition}`) }, 'log partitions assigned');
  },
  fetched: ({ topic }, records, bytes) => {
    logFetchedRecordsTotal.inc({ topic }, records);
    logFetchedBytesTotal.inc({ topic }, bytes);
  },
  placed: (source, next) => log.debug({ ...source, next }, 'log partition is read'),
  lag: ({ topic, partition }, records) => logLagRecords.set({ topic, partition: String(partition) }, records),
  left: ({ topic, partition }) => logLagRecords.remove({ topic, partition: String(partition) }),
  paused: (_, cause) => logPausesTotal.inc({ cause }),
  resumed: (_, cause, ms) => logPausedSecondsTotal.inc({ cause }, ms / 1000),
  fenced: (source) => {
    logFencedTotal.inc();
    log.warn({ ...source }, 'another process has claimed a log partition; nothing was written');
  },
  failed: (source, error) =>
    log.warn({ ...source, err: error }, 'log records could not be written and are tried again'),
  recovered: (source) => log.info({ ...source }, 'log records are written again'),
  reset: (source, cause, from, to) => {
    logResetsTotal.inc({ topic: source.topic, cause });
    if (cause === 'deleted') logLostRecordsTotal.inc({ topic: source.topic }, to - from);
    log.error({ ...source, cause, from, to }, 'the log does not have the next record any more');
  },
};

/** What happens while events are sent to the log. */
export function watchSending(): SinkObserver {
  let away = false;
  return {
    waiting: (events) => producingEvents.set(events),
    sent: (events, ms) => {
      producedTotal.inc({ result: 'sent' }, events);
      produceSeconds.observe({ result: 'ok' }, ms / 1000);
      if (away) log.info('events reach the log again');
      away = false;
    },
    failed: (error, ms) => {
      produceSeconds.observe({ result: 'failed' }, ms / 1000);
      if (!away) log.warn({ err: error }, 'events do not reach the log and are tried again');
      away = true;
    },
    givenUp: (events) => producedTotal.inc({ result: 'given-up' }, events),
    refused: (error, isShed) => {
      producedTotal.inc({ result: 'refused' });
      if (isShed) shedTotal.inc({ cause: 'too-large' });
      log.warn({ err: error }, 'the log takes one event in no batch; it is left out');
    },
  };
}

/** The client of the log gave up and is started again. */
export function watchCrash(error: unknown): void {
  logCrashesTotal.inc();
  log.warn({ err: error }, 'the client of the log is started again');
}
