import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { Api } from './api.js';
import type { Corruption } from './corruptions.js';
import { type LabelledImages, PIXELS, SIDE } from './images.js';
import { seeded } from './random.js';

export interface TrafficOptions {
  readonly model: string;
  readonly input: string;
  readonly requestsPerSecond: number;
  /** Images with an index below this are served; the others are kept for measuring. */
  readonly images: number;
  /** Share of requests whose label becomes known. */
  readonly labelledShare: number;
  /** How late a label comes, uniformly between these. */
  readonly labelDelayMs: readonly [number, number];
  readonly seed: number;
}

/** What has happened since the counts were last reset. */
export interface TrafficCounts {
  readonly requests: number;
  readonly right: number;
  /** Answers other than 200. */
  readonly failed: number;
  /** Nobody listened: the control plane was down. */
  readonly unreachable: number;
}

const TICK_MS = 20;

/** Replays real images as requests at a steady rate; posts labels late and only for a part. */
export class Traffic {
  corruption: Corruption = (image) => image;
  /** The control plane was killed on purpose and is not ready yet: errors now say nothing about it. */
  outage = false;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 16 });
  private readonly random: () => number;
  private readonly labels: { requestId: string; label: number; due: number }[] = [];
  private counts = { requests: 0, right: 0, failed: 0, unreachable: 0 };
  private total = 0;
  private recent: boolean[] = [];
  private timers: NodeJS.Timeout[] = [];
  private owed = 0;
  private inFlight = 0;
  private lastTick = 0;

  constructor(
    private readonly api: Api,
    private readonly images: LabelledImages,
    private readonly options: TrafficOptions,
  ) {
    this.random = seeded(options.seed);
  }

  start(): void {
    this.lastTick = performance.now();
    this.timers = [setInterval(() => this.tick(), TICK_MS), setInterval(() => void this.postLabels(), 250)];
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    this.agent.destroy();
  }

  /** Requests since the traffic began. */
  get requestsEver(): number {
    return this.total;
  }

  resetCounts(): void {
    this.counts = { requests: 0, right: 0, failed: 0, unreachable: 0 };
    this.recent = [];
  }

  get counted(): TrafficCounts {
    return { ...this.counts };
  }

  /** Share of right answers among the newest 500, as the client knows it; null below 100. */
  get recentAccuracy(): number | null {
    if (this.recent.length < 100) return null;
    return this.recent.filter(Boolean).length / this.recent.length;
  }

  private tick(): void {
    const now = performance.now();
    this.owed = Math.min(this.owed + ((now - this.lastTick) / 1000) * this.options.requestsPerSecond, 50);
    this.lastTick = now;
    while (this.owed >= 1 && this.inFlight < 32) {
      this.owed -= 1;
      void this.requestOne();
    }
  }

  private async requestOne(): Promise<void> {
    const index = Math.floor(this.random() * this.options.images);
    const image = this.corruption(this.images.image(index), this.random);
    const label = this.images.label(index);
    const id = randomUUID();
    this.inFlight += 1;
    try {
      const answer = await this.infer(id, image);
      this.total += 1;
      this.counts.requests += 1;
      if (answer === null) {
        if (this.outage) this.counts.unreachable += 1;
        else this.counts.failed += 1;
        return;
      }
      const right = answer === label;
      this.counts.right += right ? 1 : 0;
      this.recent.push(right);
      if (this.recent.length > 500) this.recent.shift();
      if (this.random() < this.options.labelledShare) {
        const [least, most] = this.options.labelDelayMs;
        this.labels.push({ requestId: id, label, due: performance.now() + least + this.random() * (most - least) });
      }
    } catch {
      this.counts.unreachable += 1;
    } finally {
      this.inFlight -= 1;
    }
  }

  /** The predicted class, or null when the answer was an error. Rejects when nobody answers. */
  private infer(id: string, image: Float32Array): Promise<number | null> {
    const body = JSON.stringify({
      id,
      inputs: [
        {
          name: this.options.input,
          shape: [1, 1, SIDE, SIDE],
          datatype: 'FP32',
          data: Array.from(image, (pixel) => Math.round(pixel * 1e6) / 1e6),
        },
      ],
    });
    return new Promise((resolve, reject) => {
      const url = `${this.api.url}/v2/models/${this.options.model}/infer`;
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...this.api.credentials,
      };
      const outgoing = request(url, { method: 'POST', agent: this.agent, timeout: 10_000, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve(response.statusCode === 200 ? predictedClass(Buffer.concat(chunks)) : null);
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in 10 s')));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  private async postLabels(): Promise<void> {
    const now = performance.now();
    const due = this.labels.filter((label) => label.due <= now).slice(0, 500);
    if (due.length === 0) return;
    for (const label of due) this.labels.splice(this.labels.indexOf(label), 1);
    const labels = due.map(({ requestId, label }) => ({ requestId, label }));
    try {
      await this.api.send('POST', `/api/v1/models/${this.options.model}/labels`, { labels });
    } catch {
      this.labels.push(...due.map((label) => ({ ...label, due: now + 1_000 }))); // a labelling pipeline retries, too
    }
  }
}

function predictedClass(body: Buffer): number {
  const { outputs } = JSON.parse(body.toString()) as { outputs: { data: number[] }[] };
  const scores = outputs[0]?.data ?? [];
  return scores.indexOf(Math.max(...scores));
}

/** Rows of images flattened for scoring, with their labels. */
export function rowsOf(
  images: LabelledImages,
  from: number,
  until: number,
  corruption: Corruption,
  seed: number,
): { pixels: Float32Array; labels: number[] } {
  const random = seeded(seed);
  const pixels = new Float32Array((until - from) * PIXELS);
  const labels: number[] = [];
  for (let index = from; index < until; index += 1) {
    pixels.set(corruption(images.image(index), random), (index - from) * PIXELS);
    labels.push(images.label(index));
  }
  return { pixels, labels };
}
