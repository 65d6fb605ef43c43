import { randomUUID } from 'node:crypto';
import { buildOnnx } from '../../src/models/testing/index.js';
import { until } from './until.js';
import type { Answer, WholeApp } from './whole-app.js';

/** Four numbers in, the same four out: the answer is where the largest one is. */
export const TINY = buildOnnx();
/** As large and as good, but other bytes: an honest candidate for whoever asks for nothing but that. */
export const TINY_TWIN = buildOnnx({ producer: 'twin' });

type Spec = Readonly<Record<string, unknown>>;

/** What its twin fulfils on any machine. */
export const OBJECTIVES = { qualityBudget: { maxLoss: 0.5 }, minAgreement: 0.5, maxSizeRatio: 1, minSpeedup: 0.001 };

/** Its document. Nothing opens triggers by itself, and every limit is small or generous, so that tests are quick. */
export function tinyDocument(name: string, digest: string, spec: Spec = {}): Record<string, unknown> {
  const gate = { kind: 'error-ratio', max: 0.5, minimumSamples: 5 };
  return {
    apiVersion: 'ratchet.dev/v1alpha1',
    kind: 'Model',
    metadata: { name },
    spec: {
      task: { kind: 'classification', classes: 4 },
      input: { name: 'x', shape: [-1, 4] },
      output: { name: 'y', shape: [-1, 4] },
      reference: { digest },
      objectives: OBJECTIVES,
      telemetry: { windowSeconds: 1, sampleRows: 1000, labelWaitSeconds: 300 },
      triggers: { dryRun: true },
      jobs: { wallSeconds: 30, maxAttempts: 1 },
      experiment: { margin: 0.5, alpha: 0.4, mirrorFraction: 1, maxSamples: 2000, maxSeconds: 60 },
      rollout: { steps: [{ weight: 50, holdSeconds: 0, gates: [gate] }], blindSeconds: 30, undecidedSeconds: 60 },
      promotion: { approval: 'manual' },
      ...spec,
    },
  };
}

/** Registers it and waits until the gateway answers for it. */
export async function serveTiny(app: WholeApp, name: string, spec: Spec = {}): Promise<string> {
  const digest = await app.upload(TINY);
  const applied = await app.call('PUT', `/api/v1/models/${name}`, tinyDocument(name, digest, spec));
  if (applied.status !== 200) throw new Error(`The document was answered ${JSON.stringify(applied)}`);
  await until('answer of the gateway', async () => ((await ask(app, name, 0)).status === 200 ? true : null));
  return digest;
}

/** One request through the gateway whose right answer is `label`. */
export function ask(
  app: WholeApp,
  name: string,
  label: number,
  id: string = randomUUID(),
  token?: string,
): Promise<Answer> {
  const data = [0, 1, 2, 3].map((place) => (place === label ? 1 : Math.random() / 2));
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 4], data }];
  return app.call('POST', `/v2/models/${name}/infer`, { id, inputs }, token);
}

/** So many labelled requests through the gateway, once a model, until telemetry has counted them all. */
export async function feed(app: WholeApp, name: string, requests: number): Promise<void> {
  const before = await counted(app, name);
  const labels: { requestId: string; label: number }[] = [];
  while (labels.length < requests) {
    const batch = Array.from({ length: Math.min(20, requests - labels.length) }, (_, n) => ({
      // Ids decide what is held out: with the same ones it is the same share in every run.
      requestId: `fed-${labels.length + n}`,
      label: n % 4,
    }));
    await Promise.all(batch.map(({ requestId, label }) => ask(app, name, label, requestId)));
    labels.push(...batch);
  }
  await app.call('POST', `/api/v1/models/${name}/labels`, { labels });
  await until('count of the traffic', async () => ((await counted(app, name)) >= before + requests ? true : null));
}

/** Requests that telemetry has counted for the model, or for one version of it. */
export async function counted(app: WholeApp, name: string, version?: string): Promise<number> {
  const query = version === undefined ? '' : `?version=${version}`;
  const { body } = await app.call('GET', `/api/v1/models/${name}/windows${query}`);
  return (body['items'] as { requests: number }[]).reduce((sum, { requests }) => sum + requests, 0);
}
