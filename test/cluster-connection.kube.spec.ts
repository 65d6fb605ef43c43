import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  ClusterConnection,
  ClusterMissing,
  ClusterResource,
  ObjectChanged,
  ObjectExists,
  ObjectRefused,
  jsonPointer,
  ResilientInformer,
  type StoredObject,
} from '../src/platform/kubernetes/index.js';
import { describeWithKubernetes, openNamespace } from './support/kube.js';
import { until } from './support/until.js';

interface ConfigMap extends StoredObject {
  readonly data?: Readonly<Record<string, string>>;
}

describeWithKubernetes('the way to a real cluster', () => {
  let place: Awaited<ReturnType<typeof openNamespace>>;
  let connection: ClusterConnection;
  let maps: ClusterResource<ConfigMap>;
  const map = (name: string, value: string) => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { app: 'x' } } },
    data: { value },
  });

  beforeAll(async () => {
    place = await openNamespace('connection');
    connection = new ClusterConnection({ kubeconfig: place.cluster.kubeconfig, requestTimeoutMs: 10_000 });
    maps = new ClusterResource(connection, { group: '', version: 'v1', plural: 'configmaps' }, place.namespace);
  }, 180_000);
  afterAll(async () => {
    await connection.close();
    await place.close();
  });

  it('creates, reads, lists and deletes; what is there already and what is missing have their own errors', async () => {
    const made = await maps.create(map('one', 'a'));
    expect(made.metadata.uid).not.toBe('');
    await expect(maps.create(map('one', 'b'))).rejects.toThrow(ObjectExists);
    expect((await maps.get('one')).data).toEqual({ value: 'a' });
    expect((await maps.list({ labels: 'app=x' })).items.map((each) => each.metadata.name)).toContain('one');
    expect(await maps.find('two')).toBeNull();
    expect(await maps.delete('two')).toBe(false);
    await expect(maps.delete('one', { uid: 'another' })).rejects.toThrow(ObjectChanged);
    expect(await maps.delete('one', { uid: made.metadata.uid })).toBe(true);
    expect(await maps.find('one')).toBeNull();
  });

  it('a patch fits what was read, or changes nothing', async () => {
    await maps.create(map('patched', 'a'));
    const value = jsonPointer('data', 'value');
    const patched = await maps.patch('patched', [
      { op: 'test', path: value, value: 'a' },
      { op: 'replace', path: value, value: 'b' },
    ]);
    expect(patched.data).toEqual({ value: 'b' });
    const late = maps.patch('patched', [
      { op: 'test', path: value, value: 'a' },
      { op: 'replace', path: value, value: 'c' },
    ]);
    await expect(late).rejects.toThrow(ObjectChanged);
    await expect(maps.patch('patched', [{ op: 'test', path: '/data/none', value: 'x' }])).rejects.toThrow(
      ObjectChanged,
    );
    await expect(maps.patch('patched', [{ op: 'add', path: '/data/x', value: 7 }])).rejects.toThrow(ObjectRefused);
    await expect(maps.patch('patched', [{ op: 'remove', path: '/data/none' }])).rejects.toThrow(ObjectChanged);
    expect((await maps.get('patched')).data).toEqual({ value: 'b' });
  });

  it('what is not valid is refused with the reason, and a dry run stores nothing', async () => {
    await expect(maps.create(map('Not A Name', 'a'))).rejects.toThrow(/lowercase RFC 1123/);
    await maps.create(map('dry', 'a'), { dryRun: true });
    expect(await maps.find('dry')).toBeNull();
  });

  it('the informer tells of what is made, changed and deleted, and stops for good', async () => {
    const heard: string[] = [];
    const informer = new ResilientInformer(maps, { labels: 'app=x' });
    informer.onChange(({ kind, object }) => heard.push(`${kind} ${object.metadata.name} ${object.data?.['value']}`));
    informer.start();
    await informer.synced();
    const has = (line: string) => until(line, async () => (heard.includes(line) ? true : null));
    await maps.create(map('watched', 'a'));
    await has('seen watched a');
    await maps.patch('watched', [{ op: 'replace', path: '/data/value', value: 'b' }]);
    await has('seen watched b');
    await maps.delete('watched');
    await has('gone watched b');
    await informer.stop();
    const before = heard.length;
    await maps.create(map('unheard', 'a'));
    expect(heard).toHaveLength(before);
  });

  it('without a cluster the error says what to set', async () => {
    const nowhere = new ClusterConnection({ requestTimeoutMs: 1000 });
    expect(nowhere.configured).toBe(false);
    const some = new ClusterResource(nowhere, maps.kind, 'default');
    await expect(some.list()).rejects.toThrow(/RATCHET_KUBERNETES_KUBECONFIG/);
    const broken = new ClusterConnection({ kubeconfig: '/nowhere/kubeconfig', requestTimeoutMs: 1000 });
    await expect(new ClusterResource(broken, maps.kind, 'default').list()).rejects.toThrow(ClusterMissing);
  });
});
