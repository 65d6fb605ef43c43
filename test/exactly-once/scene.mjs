import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startBroker } from '../../scripts/kafka/broker.mjs';
import { freePorts } from '../../scripts/kafka/ports.mjs';
import { ROOT } from '../../scripts/setup/places.mjs';
import { Program } from './program.mjs';

export const TOPICS = ['ratchet.inference', 'ratchet.labels', 'ratchet.cloudevents'];
const PARTITIONS = 4;
/** The table knows sources within a process as well. */
const OF_LOG = "WHERE topic LIKE 'ratchet.%'";
const MODELS = ['bulk', 'labelled'];

/** Everything that takes part: database, broker, ingest processes, loader. */
export class Scene {
  ingest = [];
  #programs = new Set();
  #postgres = null;
  #pool = null;
  #loader = null;
  #token = randomBytes(24).toString('hex');

  constructor(folder, options, say) {
    this.folder = folder;
    this.options = options;
    this.say = say;
    this.journal = join(folder, 'journal.jsonl');
  }

  async begin() {
    const { startEmbeddedPostgres } = await import(join(ROOT, 'dist/platform/postgres/embedded-postgres.js'));
    [this.#postgres, this.broker] = await Promise.all([
      startEmbeddedPostgres(join(this.folder, 'postgres')),
      startBroker({ heapMb: 384, topics: TOPICS.map((topic) => ({ topic, partitions: PARTITIONS })) }),
    ]);
    this.#pool = new pg.Pool({ connectionString: this.#postgres.url, max: 2 });
    this.say('PostgreSQL and Kafka are there');
    await this.#applyModels();
    for (let n = 0; n < this.options.processes; n += 1) await this.startIngest();
    this.#loader = this.#start('loader', ['test/exactly-once/loader.mjs'], {
      BROKERS: this.broker.brokers,
      JOURNAL: this.journal,
      RATE: String(this.options.rate),
      SEED: String(this.options.seed),
    });
    await this.#loader.said('loading');
    this.say(`${this.ingest.length} ingest processes and the loader are at work`);
  }

  /** Another ingest process; resolves when it serves. */
  async startIngest() {
    const program = this.#start('ingest', ['--enable-source-maps', 'dist/main.js'], this.#environment('ingest'));
    this.ingest.push(program);
    await program.said('ratchet is serving');
    return program;
  }

  async query(text) {
    return (await this.#pool.query(text)).rows;
  }

  /** Records that the store says are counted. */
  async counted() {
    const [{ next }] = await this.query(
      `SELECT coalesce(sum(next), 0)::float8 AS next FROM telemetry.intake_offset ${OF_LOG}`,
    );
    return next;
  }

  /** How often each partition was claimed. */
  async epochs() {
    const rows = await this.query(
      `SELECT topic, partition, epoch::float8 AS epoch FROM telemetry.intake_offset ${OF_LOG}`,
    );
    return new Map(rows.map(({ topic, partition, epoch }) => [`${topic}/${partition}`, epoch]));
  }

  /** What the database is doing, for whoever wants to know why nothing goes on. */
  sessions() {
    return this.query(
      `SELECT pid, state, wait_event_type, wait_event, left(query, 80) AS query, now() - state_change AS since,
         pg_blocking_pids(pid) AS blocked_by
       FROM pg_stat_activity WHERE application_name = 'ratchet'`,
    );
  }

  /** Where everything stands, for whoever wants to know why nothing goes on. */
  async state() {
    const stands = await this.query(`SELECT topic, partition, next, epoch FROM telemetry.intake_offset ${OF_LOG}`);
    const late = sleep(5_000).then(() => 'the broker does not answer');
    const ends = await Promise.race([this.broker.ends(TOPICS), late]).catch(String);
    const metrics = await Promise.race([this.metrics(), sleep(5_000).then(() => 'no answer')]).catch(String);
    return {
      broker: this.broker.hasEnded ? 'has ended' : 'is alive',
      ends,
      stands,
      metrics,
      sessions: await this.sessions(),
    };
  }

  /** Ends the load in order; every acknowledged record is in the journal then. */
  async stopLoad() {
    const loader = this.#loader;
    loader.signal('SIGTERM');
    const code = await loader.ended;
    if (code !== 0) throw new Error(`the loader ended with ${code}`);
    return JSON.parse(readFileSync(`${this.journal}.total`, 'utf8'));
  }

  get loaderHasEnded() {
    return this.#loader.hasEnded;
  }

  async untilAllCounted() {
    const { records } = JSON.parse(readFileSync(`${this.journal}.total`, 'utf8'));
    const deadline = Date.now() + 90_000;
    for (;;) {
      const counted = await this.counted();
      if (counted >= records) return;
      if (Date.now() > deadline) throw new Error(`only ${counted} of ${records} records were counted in time`);
      await sleep(200);
    }
  }

  /** Sums of what the living processes report; those of killed ones are gone. */
  async metrics() {
    const sums = {};
    for (const program of this.ingest) {
      const text = await (await fetch(`${program.url}/metrics`)).text();
      for (const line of text.split('\n')) {
        const [, name, value] = /^(ratchet_telemetry_log_[a-z_]+_total)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
        if (name !== undefined) sums[name] = Math.round(((sums[name] ?? 0) + Number(value)) * 10) / 10;
      }
    }
    return sums;
  }

  async stopIngest() {
    for (const program of this.ingest) program.signal('SIGTERM');
    await Promise.all(this.ingest.map(({ ended }) => ended));
  }

  /** A program of its own, which knows only the log, the journal and the tables. */
  async verify() {
    const output = join(this.folder, 'verdict.json');
    const verifier = this.#start('verifier', ['test/exactly-once/verifier.mjs'], {
      BROKERS: this.broker.brokers,
      DATABASE: this.#postgres.url,
      JOURNAL: this.journal,
      OUTPUT: output,
    });
    const code = await verifier.ended;
    if (code !== 0) throw new Error(`the verifier ended with ${code}: ${verifier.lastLines().join('\n')}`);
    return JSON.parse(readFileSync(output, 'utf8'));
  }

  /** Miscounts three things by one each, so that one can see whether the verifier would have seen it. */
  async spoil() {
    await this.#pool.query(
      `UPDATE telemetry."window" SET requests = requests + 1 WHERE ctid = (SELECT min(ctid) FROM telemetry."window")`,
    );
    await this.#pool.query(
      `DELETE FROM telemetry.dead_letter WHERE id = (SELECT min(id) FROM telemetry.dead_letter WHERE "offset" IS NOT NULL)`,
    );
    await this.#pool.query(
      `UPDATE telemetry."window" SET labelled = labelled - 1 WHERE ctid =
         (SELECT min(ctid) FROM telemetry."window" WHERE labelled > 0)`,
    );
  }

  forget(program) {
    this.ingest = this.ingest.filter((one) => one !== program);
    this.#programs.delete(program);
  }

  lastWords() {
    return [...this.#programs].flatMap((program) => program.lastLines().map((line) => `${program.name}: ${line}`));
  }

  async end() {
    await Promise.all([...this.#programs].map((program) => program.kill()));
    await this.#pool?.end().catch(() => undefined);
    await this.broker?.stop().catch(() => undefined);
    await this.#postgres?.stop().catch(() => undefined);
  }

  #start(name, args, env) {
    const program = new Program(name, args, env);
    this.#programs.add(program);
    return program;
  }

  #environment(roles) {
    return {
      DATABASE_URL: this.#postgres.url,
      KAFKA_BROKERS: this.broker.brokers,
      RATCHET_ROLES: roles,
      RATCHET_DATABASE_IDLE_TRANSACTION_MS: '2000',
      RATCHET_HTTP_PORT: '0',
      RATCHET_HTTP_DOCS: 'false',
      RATCHET_HTTP_BOOTSTRAP_TOKEN: this.#token,
      RATCHET_MODELS_ARTIFACT_FOLDER: join(this.folder, 'artifacts'),
      RATCHET_JOBS_WORK_FOLDER: join(this.folder, 'jobs'),
      RATCHET_TELEMETRY_LOG_SESSION_TIMEOUT_MS: '3000',
      RATCHET_TELEMETRY_LOG_FETCH_BYTES: String(256 * 1024),
      RATCHET_TELEMETRY_LOG_CHUNK_RECORDS: '500',
      RATCHET_TELEMETRY_LOG_LINGER_MS: '20',
      RATCHET_TELEMETRY_LOG_FETCH_WAIT_MS: '100',
    };
  }

  /** As a user would: by the API of the role `control`, which then goes away so that nothing but ingest writes. */
  async #applyModels() {
    const { buildOnnx } = await import(join(ROOT, 'dist/models/testing/index.js'));
    const [port] = await freePorts(1);
    const control = this.#start('control', ['--enable-source-maps', 'dist/main.js'], {
      ...this.#environment('control'),
      RATCHET_HTTP_PORT: String(port),
    });
    await control.said('ratchet is serving');
    const call = async (method, path, type, body) => {
      const headers = { authorization: `Bearer ${this.#token}`, 'content-type': type };
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body });
      if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`);
      return response.json();
    };
    const { digest } = await call('POST', '/api/v1/artifacts', 'application/octet-stream', buildOnnx());
    for (const model of MODELS) {
      await call('PUT', `/api/v1/models/${model}`, 'application/json', JSON.stringify(document(model, digest)));
    }
    control.signal('SIGTERM');
    await control.ended;
    this.forget(control);
  }
}

/** `bulk` keeps hardly any answer one by one, so nothing but the offsets keeps its events from counting twice. */
function document(name, digest) {
  return {
    apiVersion: 'ratchet.dev/v1alpha1',
    kind: 'Model',
    metadata: { name },
    spec: {
      task: { kind: 'classification', classes: 4 },
      input: { name: 'x', shape: [-1, 4] },
      output: { name: 'y', shape: [-1, 4] },
      reference: { digest },
      objectives: { qualityBudget: { maxLoss: 0.5 } },
      telemetry: {
        ...{ windowSeconds: 10, labelWaitSeconds: 3600 },
        answersPerSecond: name === 'bulk' ? 1 : 1_000_000,
      },
      triggers: { dryRun: true },
    },
  };
}
