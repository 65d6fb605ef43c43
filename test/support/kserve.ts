import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { WholeApp } from './whole-app.js';

const FOLDER = join(import.meta.dirname, '../fixtures/kserve');

/** One event as the logger sent it. */
export interface Logged {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface Line {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly bodyBase64?: string;
}

/** The recording that `test/fixtures/kserve/record.py` made, in the order in which the events came. */
export function recording(): Logged[] {
  const lines = readFileSync(join(FOLDER, 'recording.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => {
    const { headers, body = '', bodyBase64 } = JSON.parse(line) as Line;
    return { headers, body: bodyBase64 === undefined ? Buffer.from(body) : Buffer.from(bodyBase64, 'base64') };
  });
}

/** The truth about the recorded requests. */
export function recordedLabels(): { readonly requestId: string; readonly label: number }[] {
  return JSON.parse(readFileSync(join(FOLDER, 'labels.json'), 'utf8')) as never;
}

/** The recording as if it ended now, under ids of its own: what is old could not be told from a repetition. */
export function rebased(events: readonly Logged[], now: Date, round: string): Logged[] {
  const times = events.flatMap(({ headers }) =>
    headers['ce-time'] === undefined ? [] : [Date.parse(headers['ce-time'])],
  );
  const shift = now.getTime() - Math.max(...times);
  return events.map(({ headers, body }) => ({
    headers: { ...headers, 'ce-id': renamed(headers['ce-id'] ?? '', round), ...shifted(headers, shift) },
    body,
  }));
}

/** The id of the same request in that round. */
export function renamed(id: string, round: string): string {
  const [inference = '', row] = id.split('/');
  return `${inference}-${round}${row === undefined ? '' : `/${row}`}`;
}

function shifted(headers: Logged['headers'], shift: number): Record<string, string> {
  const time = headers['ce-time'];
  if (time === undefined) return {};
  // Only whole milliseconds are shifted, so the rest of the fraction, and with it every latency, stays as it was.
  const [, fraction = ''] = /\.\d{3}(\d*)Z$/.exec(time) ?? [];
  const text = new Date(Date.parse(time) + shift).toISOString().replace('Z', `${fraction}Z`);
  return { 'ce-time': text, 'ce-recordedtime': text };
}

/** Posts events as the logger does: each by itself, five at a time, and never again. Answers the statuses. */
export async function post(app: WholeApp, path: string, events: readonly Logged[]): Promise<number[]> {
  const statuses: number[] = [];
  const queue = [...events];
  const worker = async (): Promise<void> => {
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
      const { headers, body } = event;
      const answer = await fetch(app.url + path, { method: 'POST', headers, body: new Uint8Array(body) });
      await answer.arrayBuffer();
      statuses.push(answer.status);
    }
  };
  await Promise.all([1, 2, 3, 4, 5].map(worker));
  return statuses;
}

/**
 * An inference service with a canary: it splits by the share it is told, really answers with both versions' files, and
 * logs like KServe. It stands for a data plane that is not ours.
 */
export class KServeDouble {
  private sent = 0;
  private readonly waiting = new Map<number, (row: readonly number[]) => void>();

  private constructor(private readonly thread: Worker) {
    thread.on('message', ({ id, row }: { id: number; row: readonly number[] }) => {
      this.waiting.get(id)?.(row);
      this.waiting.delete(id);
    });
  }

  static async start(stableFile: string, canaryFile: string): Promise<KServeDouble> {
    const thread = new Worker(join(import.meta.dirname, 'answer-thread.mjs'), { workerData: [stableFile, canaryFile] });
    await once(thread, 'message');
    return new KServeDouble(thread);
  }

  /** Answers one row and gives the two events that its logger sends. */
  async infer(id: string, row: readonly number[], canaryShare: number): Promise<[Logged, Logged]> {
    this.sent += 1;
    const isCanary = (this.sent * canaryShare) % 1 < canaryShare;
    const began = performance.timeOrigin + performance.now();
    const data = await this.answer(isCanary ? 1 : 0, row);
    const ended = performance.timeOrigin + performance.now();
    const endpoint = isCanary ? 'canary' : 'default';
    return [
      event(id, 'request', endpoint, began, { inputs: [tensorOf('measurements', row)] }),
      event(id, 'response', endpoint, ended, { outputs: [tensorOf('logits', data)] }),
    ];
  }

  async close(): Promise<void> {
    await this.thread.terminate();
  }

  private answer(session: number, row: readonly number[]): Promise<readonly number[]> {
    const id = this.sent;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.thread.postMessage({ id, session, row });
    });
  }
}

function tensorOf(name: string, row: readonly number[]): object {
  return { name, shape: [1, row.length], datatype: 'FP32', data: row };
}

function event(id: string, side: string, endpoint: string, atMs: number, body: object): Logged {
  const time = `${new Date(atMs).toISOString().slice(0, -1)}${String(Math.floor((atMs % 1) * 1e6)).padStart(6, '0')}Z`;
  return {
    headers: {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-source': 'http://breast-cancer-predictor.clinic.svc.cluster.local',
      'ce-type': `org.kubeflow.serving.inference.${side}`,
      'ce-inferenceservicename': 'breast-cancer',
      'ce-namespace': 'clinic',
      'ce-component': 'predictor',
      'ce-endpoint': endpoint,
      'ce-time': time,
    },
    body: Buffer.from(JSON.stringify(body)),
  };
}
