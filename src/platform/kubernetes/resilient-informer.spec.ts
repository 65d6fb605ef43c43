import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { ClusterConnection } from './cluster-connection.js';
import { ClusterResource, type StoredObject } from './cluster-resource.js';
import { informerRestartsTotal, watchGarbageTotal } from './metrics.js';
import { ResilientInformer } from './resilient-informer.js';
import { blackHole, FaultyApiServer, lines, reset, status } from './testing/faulty-api-server.js';

const WIDGETS = { group: 'ratchet.test', version: 'v1', plural: 'widgets' };
const QUICK = { resyncMs: 400, watchdogMs: 3000, backoffMs: [20, 80], random: () => 0.5 } as const;
const GONE = `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old' } })}\n`;
const SICK = `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 500, message: 'etcd' } })}\n`;

describe('ResilientInformer', () => {
  let api: FaultyApiServer;
  let connection: ClusterConnection;
  let widgets: ClusterResource;
  let informer: ResilientInformer<StoredObject>;

  beforeEach(async () => {
    api = await FaultyApiServer.start();
    connection = new ClusterConnection({ kubeconfig: api.kubeconfig, requestTimeoutMs: 250 });
    widgets = new ClusterResource(connection, WIDGETS, 'here');
    informer = new ResilientInformer(widgets, QUICK);
  });
  afterEach(async () => {
    await informer.stop();
    await connection.close();
    await api.close();
  });

  const names = () =>
    informer
      .list()
      .map((each) => each.metadata.name)
      .sort()
      .join();
  async function until(what: string, holds: () => boolean, ms = 5000): Promise<void> {
    const end = performance.now() + ms;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`never ${what}; it has "${names()}"`);
      await pause(5);
    }
  }
  async function restarts(cause: string): Promise<number> {
    const { values } = await informerRestartsTotal.get();
    return values.find(({ labels }) => labels['resource'] === 'widgets' && labels['cause'] === cause)?.value ?? 0;
  }

  it.each([
    ['the list fails', 'list', status(503), 'unavailable'],
    ['the list fails in the words of a proxy', 'list', status(502, '<html>Bad Gateway</html>'), 'unavailable'],
    ['the list is too much asked', 'list', status(429), 'unavailable'],
    ['the list is refused', 'list', status(403), 'refused'],
    ['the kind is not known yet', 'list', status(404), 'refused'],
    ['the list is no JSON', 'list', status(200, 'items: 3'), 'unavailable'],
    ['the list breaks off', 'list', reset, 'unavailable'],
    ['the list is never answered', 'list', blackHole, 'unavailable'],
    ['the watch fails', 'watch', status(500), 'unavailable'],
    ['the watch’s version is gone', 'watch', status(410), 'gone'],
    ['the watch says that its version is gone', 'watch', lines('silence', GONE), 'gone'],
    ['the watch tells of an error', 'watch', lines('silence', SICK), 'unavailable'],
    ['the watch ends', 'watch', lines('end'), 'closed'],
    ['the watch breaks off', 'watch', lines('reset', '{"type":"ADD'), 'closed'],
    ['the watch is never answered', 'watch', blackHole, 'unavailable'],
  ] as const)('goes on after %s', async (_name, kind, fault, cause) => {
    const before = await restarts(cause);
    api.put('a');
    api.failNext(kind, fault, fault);
    informer.start();
    await until('both faults were met', () => api.asked[kind] >= 3);
    api.put('b');
    await until('all is seen', () => names() === 'a,b');
    expect(await restarts(cause)).toBeGreaterThanOrEqual(before + 2);
  });

  it('a watch that says nothing hides a change for no longer than a turn', async () => {
    api.failNext('watch', lines('silence'));
    informer.start();
    await until('the watch hangs', () => api.asked.watch === 1);
    api.put('a');
    const began = performance.now();
    await until('the change is seen', () => names() === 'a');
    expect(performance.now() - began).toBeLessThan(3000);
  });

  it('what vanished unheard is told of by the next list', async () => {
    const heard: string[] = [];
    informer.onChange(({ kind, object }) => heard.push(`${kind} ${object.metadata.name}`));
    api.put('a');
    informer.start();
    await informer.synced();
    api.lose('a');
    await until('it is gone', () => names() === '');
    expect(heard).toEqual(['seen a', 'gone a']);
  });

  it('garbage between events is counted and hides none', async () => {
    const before = (await watchGarbageTotal.get()).values[0]?.value ?? 0;
    const event = JSON.stringify({
      ...{ type: 'ADDED', object: { metadata: { name: 'x', namespace: 'here', uid: 'u', resourceVersion: '9' } } },
    });
    api.failNext('watch', lines('silence', 'no JSON\n', '{"type":"ODD"}\n', '7\n', `${event}\n`));
    informer.start();
    await until('the event behind it is seen', () => names() === 'x');
    expect((await watchGarbageTotal.get()).values[0]?.value).toBe(before + 3);
  });

  it('a listener that throws hinders neither the others nor the watch', async () => {
    const heard: string[] = [];
    informer.onChange(() => {
      throw new Error('a listener’s fault');
    });
    informer.onChange(({ object }) => heard.push(object.metadata.name));
    informer.start();
    await informer.synced();
    api.put('a');
    api.put('b');
    await until('both are heard', () => heard.includes('a') && heard.includes('b'));
  });

  it('tells of each change once, however often it is listed', async () => {
    const heard: string[] = [];
    informer.onChange(({ object }) => heard.push(object.metadata.resourceVersion));
    api.put('a');
    informer.start();
    await until('it was listed three times', () => api.asked.list >= 3);
    expect(heard).toHaveLength(1);
  });

  it('the watchdog ends what hears no signal', async () => {
    const before = await restarts('silent');
    let hung = 0;
    class Deaf extends ClusterResource {
      override list(): Promise<never> {
        hung += 1;
        return new Promise(() => undefined);
      }
    }
    informer = new ResilientInformer(new Deaf(connection, WIDGETS, 'here'), { ...QUICK, watchdogMs: 50 });
    informer.start();
    await until('it tried again', () => hung >= 3);
    expect(await restarts('silent')).toBeGreaterThan(before);
  });

  it.each([
    ['it watches', 'watch', (): void => undefined],
    [
      'it waits for an answer',
      'list',
      (): void => {
        api.failNext('list', blackHole);
      },
    ],
    [
      'it pauses',
      'list',
      (): void => {
        api.failNext('list', ...Array.from({ length: 99 }, () => status(500)));
      },
    ],
  ] as const)('stops at once while %s, and leaves nothing', async (_name, last, arm) => {
    arm();
    informer.start();
    await until('it began', () => api.asked[last] >= 1);
    const began = performance.now();
    await informer.stop();
    expect(performance.now() - began).toBeLessThan(200);
    await connection.close();
    await until('no connection is left', () => api.connections === 0);
    // What was on its way when it was stopped has arrived after the first pause.
    await pause(100);
    const asked = { ...api.asked };
    await pause(100);
    expect(api.asked).toEqual(asked);
  });

  it('pauses for longer after each failure in a row, within its bounds', async () => {
    informer = new ResilientInformer(widgets, { ...QUICK, backoffMs: [40, 160] });
    api.failNext('list', ...Array.from({ length: 40 }, () => status(500)));
    informer.start();
    await pause(1000);
    // 60, 120, 120, … ms with half of the jitter: not the 40 that trying without a pause would use up at once.
    expect(api.asked.list).toBeGreaterThan(3);
    expect(api.asked.list).toBeLessThan(20);
  });
});
