import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { Api } from './api.js';
import { Chaos } from './chaos.js';
import { ControlPlane } from './control-plane.js';
import { readTestImages } from './images.js';
import { openPods, type Pods } from './pods.js';
import { endLeftovers } from './leftovers.js';
import { ScenarioProblem, type Stage } from './loop.js';
import { artifactFile } from './measure.js';
import { trainedReference, type TrainedReference } from './reference.js';
import { scenariosFor, SCENARIOS } from './scenarios/index.js';
import type { Scenario } from './scenarios/scenario.js';
import type { DemoSummary, ScenarioSummary } from './summary.js';
import { summaryTable } from './table.js';
import { Traffic } from './traffic.js';
import { View } from './view.js';

const USAGE = `usage: npm run demo [-- OPTIONS]

Runs the closed loop on real data: the digits of MNIST as traffic, a full-precision CNN as reference, and Ratchet, which
compresses, watches, repairs and refuses with no step forced from outside.

  --scenario NAME   one scenario (what it needs runs before): ${SCENARIOS.map(({ name }) => name).join(', ')}
  --json FILE       write the summary as JSON (schema: demo/summary.schema.json)
  --stay            keep serving afterwards, until Ctrl-C
  --seed N          seed of the traffic (default 1)
  --rate N          requests a second (default 150)
  --port N          port of the control plane (default 8080, or a free one when that is taken)
  --kill-seed N     kill -9 the control plane once a scenario, at a moment that this seed decides, and start it again
  --runner WHERE    process (default): jobs are processes of this machine; kubernetes: jobs are pods of a real cluster
                    (RATCHET_TEST_CLUSTER, or one that the demo starts from ../shared/kube; needs root)
  --help            this text

Exit code 0 only if every scenario ended as described.`;

const ROOT = resolve(import.meta.dirname, '../..');
const SERVED_IMAGES = 7_000;

interface Options {
  readonly scenario: string | undefined;
  readonly json: string | undefined;
  readonly stay: boolean;
  readonly seed: number;
  readonly rate: number;
  readonly port: number;
  readonly killSeed: number | null;
  readonly runner: 'process' | 'kubernetes';
}

async function demo(options: Options): Promise<boolean> {
  const began = performance.now();
  const plan = scenariosFor(options.scenario);
  const view = new View();
  const folder = join(ROOT, '.ratchet/demo');
  await endLeftovers(folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });

  view.heading('Training the full-precision reference (once; cached by its content)');
  const reference = await trainedReference(ROOT, join(ROOT, '.ratchet/cache'), (line) => view.say(line));
  const sizeBytes = statSync(reference.file).size;
  view.say(
    `reference: ${(sizeBytes / 1000).toFixed(0)} kB, ${(reference.accuracy * 100).toFixed(2)} % on the 10,000 test images${reference.cached ? ' (from the cache)' : ''}`,
  );

  const port = await portFor(options.port);
  const pods = options.runner === 'kubernetes' ? await openPods(ROOT, folder, port, (line) => view.say(line)) : null;
  const controlPlane = new ControlPlane(ROOT, folder, port, pods?.environment);
  const stop = async (): Promise<void> => {
    await controlPlane.stop();
    await pods?.close();
  };
  process.once('SIGINT', () => void stop().finally(() => process.exit(130)));
  process.once('SIGTERM', () => void stop().finally(() => process.exit(143)));
  try {
    await controlPlane.start();
    view.say(
      `control plane: ${controlPlane.url} (API documentation: ${controlPlane.url}/docs, log: ${relative(process.cwd(), controlPlane.logFile)})`,
    );
    const stage = await setTheStage(options, controlPlane, view, folder, reference, pods);
    const scenarios: ScenarioSummary[] = [];
    for (const { scenario, prelude } of plan) {
      const result = await play(scenario, prelude, stage);
      scenarios.push(result);
      if (!result.ok) break;
    }
    const complete = scenarios.length === plan.length && scenarios.every(({ ok }) => ok);
    const summary: DemoSummary = {
      schema: 'ratchet.dev/demo-summary/v1',
      ok: complete,
      seed: options.seed,
      seconds: (performance.now() - began) / 1000,
      reference: { testAccuracy: reference.accuracy, sizeBytes, cached: reference.cached },
      scenarios,
    };
    tell(view, summary, controlPlane);
    if (options.json !== undefined) writeFileSync(resolve(options.json), `${JSON.stringify(summary, null, 2)}\n`);
    if (options.stay) await stay(view, controlPlane);
    stage.traffic.stop();
    return complete;
  } finally {
    view.done();
    await stop();
  }
}

async function setTheStage(
  options: Options,
  controlPlane: ControlPlane,
  view: View,
  folder: string,
  reference: TrainedReference,
  pods: Pods | null,
): Promise<Stage> {
  const api = new Api(controlPlane.url, pods?.token ?? null);
  const document = parse(readFileSync(join(ROOT, 'examples/digits/model.yaml'), 'utf8')) as {
    metadata: { name: string };
    spec: { reference: Record<string, unknown>; input: { name: string }; jobs?: Record<string, unknown> };
  };
  const { digest } = await api.upload(new Uint8Array(readFileSync(reference.file)));
  document.spec.reference = { digest, evaluation: { accuracy: reference.accuracy, samples: 10_000 } };
  if (pods !== null) document.spec.jobs = { ...document.spec.jobs, gpus: 1 };
  const model = document.metadata.name;
  await api.send('PUT', `/api/v1/models/${model}`, document);
  view.say(`model ${model} is registered; its reference serves`);
  const images = readTestImages();
  const traffic = new Traffic(api, images, {
    model,
    input: document.spec.input.name,
    requestsPerSecond: options.rate,
    images: SERVED_IMAGES,
    labelledShare: 0.5,
    labelDelayMs: [500, 3_000],
    seed: options.seed,
  });
  await untilServed(api, model);
  traffic.start();
  return {
    api,
    model,
    traffic,
    view,
    images,
    chaos: new Chaos(options.killSeed, controlPlane, traffic, view),
    unseenFrom: SERVED_IMAGES,
    artifact: (wanted) => artifactFile(join(folder, 'artifacts'), wanted),
    memory: new Map(),
  };
}

async function untilServed(api: Api, model: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const ready = await api.get(`/v2/models/${model}/ready`).then(
      () => true,
      () => false,
    );
    if (ready) return;
    await delay(100);
  }
  throw new Error(`The gateway does not serve ${model}.`);
}

async function play(scenario: Scenario, prelude: boolean, stage: Stage): Promise<ScenarioSummary> {
  const { name, title } = scenario;
  stage.view.say('');
  stage.view.heading(`${prelude ? 'Prelude' : 'Scenario'}: ${title}`);
  stage.view.say(scenario.story);
  const began = performance.now();
  try {
    const result = { name, title, prelude, ...(await scenario.run(stage)) };
    stage.view.say(result.ok ? `✔ ${title}: ended as described` : `✖ ${title}: ${result.problems.join('; ')}`);
    return result;
  } catch (error) {
    if (!(error instanceof ScenarioProblem)) throw error;
    stage.view.say(`✖ ${title}: ${error.message}`);
    return failed(name, title, prelude, error.message, stage, (performance.now() - began) / 1000);
  }
}

function failed(
  name: string,
  title: string,
  prelude: boolean,
  problem: string,
  stage: Stage,
  total: number,
): ScenarioSummary {
  const { requests, failed: errors, unreachable } = stage.traffic.counted;
  return {
    name,
    title,
    prelude,
    ok: false,
    problems: [problem],
    cause: null,
    remedy: null,
    requestsToDetection: null,
    triggers: 0,
    sizeRatio: null,
    speedup: null,
    accuracy: { championBefore: null, championAfter: null, referenceAfter: null },
    live: { before: null, during: stage.traffic.recentAccuracy, after: null },
    traffic: { requests, failed: errors, unreachable },
    seconds: { detection: null, job: null, evaluation: null, experiment: null, rollout: null, total },
    outcome: 'not as described',
    records: [],
    killedAt: stage.chaos.killedAt,
  };
}

function tell(view: View, summary: DemoSummary, controlPlane: ControlPlane): void {
  view.say('');
  view.heading(summary.ok ? 'Every scenario ended as described' : 'Not every scenario ended as described');
  process.stdout.write(`\n${summaryTable(summary.scenarios)}\n\n`);
  for (const scenario of summary.scenarios) {
    process.stdout.write(`  ${scenario.name}: ${scenario.outcome}\n    records: ${scenario.records.join(' ')}\n`);
  }
  process.stdout.write(
    `\n  Accuracy "before", "during" and "after" is what the clients saw; "unseen" was measured on ${10_000 - SERVED_IMAGES} images that were never served.\n` +
      `  To look further: npm run demo -- --stay, then ${controlPlane.url}/docs, ${controlPlane.url}/metrics and npm run ratchet -- --help\n`,
  );
}

async function stay(view: View, controlPlane: ControlPlane): Promise<void> {
  view.say(
    `Serving on ${controlPlane.url} until Ctrl-C; the traffic goes on. API documentation: ${controlPlane.url}/docs`,
  );
  await new Promise(() => undefined);
}

async function portFor(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const free = await new Promise<number | null>((done) => {
      const server = createServer();
      server.once('error', () => done(null));
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => done(address !== null && typeof address === 'object' ? address.port : null));
      });
    });
    if (free !== null) return free;
  }
  throw new Error('No free port on the loopback address.');
}

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string' },
      json: { type: 'string' },
      stay: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      rate: { type: 'string', default: '150' },
      port: { type: 'string', default: '8080' },
      'kill-seed': { type: 'string' },
      runner: { type: 'string', default: 'process' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const kill = values['kill-seed'];
  return {
    scenario: values.scenario,
    json: values.json,
    stay: values.stay,
    seed: whole('--seed', values.seed),
    rate: whole('--rate', values.rate),
    port: whole('--port', values.port),
    killSeed: kill === undefined ? null : whole('--kill-seed', kill),
    runner: runnerOf(values.runner),
  };
}

function runnerOf(text: string): Options['runner'] {
  if (text !== 'process' && text !== 'kubernetes')
    throw new TypeError(`--runner takes process or kubernetes, not "${text}".`);
  return text;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new TypeError(`${name} takes a whole number, not "${text}".`);
  return value;
}

try {
  const options = readOptions();
  if (options === null) console.log(USAGE);
  else if (!existsSync(join(ROOT, 'dist/main.js')))
    throw new Error('The program is not built; start the demo with npm run demo.');
  else process.exitCode = (await demo(options)) ? 0 : 1;
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = 2;
}
