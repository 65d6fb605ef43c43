import { setTimeout as pause } from 'node:timers/promises';
import { log } from '../observability/index.js';
import type { ClusterResource, StoredObject } from './cluster-resource.js';
import { ClusterForbids, ClusterUnavailable, ObjectMissing, ObjectRefused, VersionGone } from './errors.js';
import { failureOf } from './explain.js';
import { informerListedTimestamp, informerRestartsTotal, watchGarbageTotal } from './metrics.js';
import { linesOf } from './lines.js';

/** What became of one object; `gone` carries it as it was last seen. */
export interface ObjectChange<Stored> {
  readonly kind: 'seen' | 'gone';
  readonly object: Stored;
}

export interface InformerOptions {
  readonly labels?: string;
  readonly fields?: string;
  /** A watch lasts so long, give or take a third; then everything is listed and compared. @default 45_000 */
  readonly resyncMs?: number;
  /** Whatever hangs is given up after so long. @default 90_000 */
  readonly watchdogMs?: number;
  /** Shortest and longest pause after a failure. @default 1000, 30_000 */
  readonly backoffMs?: readonly [number, number];
  /** Uniform on [0, 1). @default Math.random */
  readonly random?: () => number;
}

type Cause = 'gone' | 'closed' | 'unavailable' | 'refused' | 'silent';

interface WatchEvent<Stored> {
  readonly type?: string;
  readonly object?: Partial<Stored> & { readonly code?: number };
}

/**
 * Keeps a copy of the objects of one kind that is never silently old: whatever goes wrong, it begins anew (list, compare,
 * watch) after a jittered pause, and does the same regularly when nothing goes wrong. Listeners hear of each object that
 * differs from what they heard last; they must not rely on hearing of every step in between.
 */
export class ResilientInformer<Stored extends StoredObject> {
  private objects = new Map<string, Stored>();
  private readonly listeners: ((change: ObjectChange<Stored>) => void)[] = [];
  private readonly ending = new AbortController();
  private running: Promise<void> | null = null;
  private listed: Date | null = null;
  private readonly firstList: Promise<void>;
  private settleFirstList: (failure?: Error) => void = () => undefined;

  constructor(
    private readonly resource: ClusterResource<Stored>,
    private readonly options: InformerOptions = {},
  ) {
    this.firstList = new Promise((resolve, reject) => {
      this.settleFirstList = (failure) => {
        if (failure === undefined) resolve();
        else reject(failure);
      };
    });
    // Who does not wait for it must not be ended by it.
    this.firstList.catch(() => undefined);
  }

  /** Call it before `start`. What a listener throws is logged and hinders nobody. */
  onChange(listener: (change: ObjectChange<Stored>) => void): void {
    this.listeners.push(listener);
  }

  /** Begins; returns at once. A second call changes nothing. */
  start(): void {
    this.running ??= this.run();
  }

  /** Resolves after the first complete list; rejects when it is stopped before. */
  synced(): Promise<void> {
    return this.firstList;
  }

  /** When everything was last listed; null before the first time. */
  get listedAt(): Date | null {
    return this.listed;
  }

  get(name: string, namespace = this.resource.namespace ?? ''): Stored | null {
    return this.objects.get(`${namespace}/${name}`) ?? null;
  }

  list(): Stored[] {
    return [...this.objects.values()];
  }

  /** Ends it; afterwards there is no timer and no connection of it left, and no listener is called any more. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
    this.settleFirstList(new Error('The informer was stopped before its first list.'));
  }

  private async run(): Promise<void> {
    const resource = this.resource.kind.plural;
    let failures = 0;
    while (!this.stopped()) {
      const began = performance.now();
      const cause = await this.cycle(failures === 0);
      if (this.stopped()) return;
      // What held for longer than the longest pause was no failure in a row.
      failures = cause === null || performance.now() - began > this.backoff[1] ? 0 : failures + 1;
      if (cause === null) continue;
      informerRestartsTotal.inc({ resource, cause });
      await pause(this.delay(cause, failures), undefined, { signal: this.ending.signal }).catch(() => undefined);
    }
  }

  /** One list and the watch after it, whatever hangs in them. Null when it lasted as long as it should. */
  private async cycle(aloud: boolean): Promise<Cause | null> {
    const { watchdogMs = 90_000 } = this.options;
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.ending.signal]);
    let giveUp: (cause: Cause | null) => void = () => undefined;
    const givenUp = new Promise<Cause | null>((resolve) => {
      giveUp = resolve;
    });
    const timer = setTimeout(giveUp, watchdogMs, 'silent');
    const end = (): void => {
      giveUp(null);
    };
    this.ending.signal.addEventListener('abort', end, { once: true });
    const work = this.listAndWatch(signal).catch((error: unknown): Cause => {
      const cause = causeOf(error);
      if (aloud && !this.stopped())
        log.warn({ resource: this.resource.kind.plural, cause, reason: String(error) }, 'watch begins anew');
      return cause;
    });
    try {
      return await Promise.race([work, givenUp]);
    } finally {
      clearTimeout(timer);
      this.ending.signal.removeEventListener('abort', end);
      over.abort();
    }
  }

  private async listAndWatch(signal: AbortSignal): Promise<Cause | null> {
    const { labels, fields, resyncMs = 45_000 } = this.options;
    const selector = { ...(labels !== undefined && { labels }), ...(fields !== undefined && { fields }) };
    const list = await this.resource.list(selector, signal);
    if (signal.aborted) return null;
    this.compare(list.items);
    const lasts = resyncMs * (2 / 3 + (2 / 3) * this.random());
    const enough = new AbortController();
    const timer = setTimeout(() => {
      enough.abort();
    }, lasts);
    const over = AbortSignal.any([signal, enough.signal]);
    try {
      await this.watch(list.metadata.resourceVersion, lasts, over);
      return over.aborted ? null : 'closed';
    } catch (error) {
      if (over.aborted) return null;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private async watch(resourceVersion: string, lastsMs: number, signal: AbortSignal): Promise<void> {
    const { plural } = this.resource.kind;
    const what = `watch ${plural}`;
    const stream = await this.resource.connection.open({
      what,
      resource: plural,
      verb: 'GET',
      path: this.resource.path(),
      query: {
        watch: true,
        resourceVersion,
        // The server ends it a little later than we do, should we be gone.
        timeoutSeconds: Math.ceil(lastsMs / 1000) + 5,
        labelSelector: this.options.labels,
        fieldSelector: this.options.fields,
      },
      signal,
    });
    for await (const line of linesOf(stream)) {
      if (signal.aborted) return;
      const event = parse<Stored>(line);
      if (event?.type === 'ERROR') throw failureOf(what, event.object?.code ?? 500, event.object ?? {});
      if (event === null || !this.take(event)) watchGarbageTotal.inc({ resource: plural });
    }
  }

  /** False for what is no event of an object. */
  private take(event: WatchEvent<Stored>): boolean {
    if (event.type === 'BOOKMARK') return true;
    if (typeof event.object?.metadata?.name !== 'string') return false;
    const object = event.object as Stored;
    const key = keyOf(object);
    if (event.type === 'DELETED') {
      if (this.objects.delete(key)) this.tell({ kind: 'gone', object });
      return true;
    }
    if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return false;
    this.see(key, object);
    return true;
  }

  private compare(items: readonly Stored[]): void {
    const now = new Map(items.map((object) => [keyOf(object), object]));
    for (const [key, object] of [...this.objects]) {
      const current = now.get(key);
      if (current !== undefined && current.metadata.uid === object.metadata.uid) continue;
      this.objects.delete(key);
      this.tell({ kind: 'gone', object });
    }
    for (const [key, object] of now) this.see(key, object);
    this.listed = new Date();
    informerListedTimestamp.set({ resource: this.resource.kind.plural }, this.listed.getTime() / 1000);
    this.settleFirstList();
  }

  private see(key: string, object: Stored): void {
    const before = this.objects.get(key);
    this.objects.set(key, object);
    if (before?.metadata.resourceVersion !== object.metadata.resourceVersion) this.tell({ kind: 'seen', object });
  }

  private tell(change: ObjectChange<Stored>): void {
    if (this.stopped()) return;
    for (const listener of this.listeners) {
      try {
        listener(change);
      } catch (error) {
        log.error({ resource: this.resource.kind.plural, err: error }, 'a listener of a watch failed');
      }
    }
  }

  private stopped(): boolean {
    return this.ending.signal.aborted;
  }

  private get backoff(): readonly [number, number] {
    return this.options.backoffMs ?? [1000, 30_000];
  }

  /** Doubles with each failure in a row, between the bounds, half of it by chance; what is merely over begins at once. */
  private delay(cause: Cause, failures: number): number {
    if (failures <= 1 && (cause === 'gone' || cause === 'closed')) return 0;
    const [least, most] = this.backoff;
    const full = Math.min(most, least * 2 ** Math.min(failures, 20));
    return Math.max(least, (full / 2) * (1 + this.random()));
  }

  private random(): number {
    return (this.options.random ?? Math.random)();
  }
}

function keyOf(object: StoredObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function parse<Stored>(line: string): WatchEvent<Stored> | null {
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === 'object' && event !== null ? event : null;
  } catch {
    return null;
  }
}

function causeOf(error: unknown): Cause {
  if (error instanceof VersionGone) return 'gone';
  if (error instanceof ClusterForbids || error instanceof ObjectRefused || error instanceof ObjectMissing)
    return 'refused';
  return error instanceof ClusterUnavailable ? 'unavailable' : 'closed';
}
