import { type Digest, NotFound, RevisionConflict } from '../../kernel/index.js';
import {
  ArtifactStore,
  type Model,
  ModelStore,
  type RegistrationRequest,
  type Version,
  VersionRegistration,
} from '../../models/index.js';
import { NotEnoughSamples, SampleStore, type Snapshot, type SnapshotOptions } from '../../telemetry/index.js';
import {
  type Trigger,
  type TriggerDecision,
  type TriggerOutcome,
  TriggerOutcomes,
  TriggerStore,
} from '../../triggers/index.js';
import type { Occupancy } from '../domain/admission.js';
import type { AttemptObservation } from '../domain/attempt.js';
import type { Job, JobAttempt } from '../domain/job.js';
import type { ReportedArtifact, RunnerReport } from '../domain/report.js';
import { AttemptExchange, type AttemptNeeds, type AttemptNews, JobStore, Runner } from '../ports.js';
import { reportOf, SNAPSHOT, T0 } from './jobs.js';

/** Jobs in memory, with revisions like the real store. */
export class FakeJobStore extends JobStore {
  readonly jobs = new Map<string, Job>();

  constructor(...jobs: Job[]) {
    super();
    for (const job of jobs) this.jobs.set(job.id, { ...job, revision: Math.max(1, job.revision) });
  }
  async find(id: string) {
    return this.jobs.get(id) ?? null;
  }
  async require(id: string) {
    const job = this.jobs.get(id);
    if (job === undefined) throw new NotFound('job', id);
    return job;
  }
  async list(model: string) {
    return [...this.jobs.values()].filter((job) => job.model === model).reverse();
  }
  async listUnfinished() {
    return [...this.jobs.values()].filter((job) => job.status.phase === 'Pending' || job.status.phase === 'Running');
  }
  async occupancy(job: Job): Promise<Occupancy> {
    const others = [...this.jobs.values()].filter((other) => other.id !== job.id);
    const gpus = (jobs: readonly Job[]) => jobs.reduce((sum, other) => sum + (other.spec.gpus ?? 0), 0);
    const running = others.filter((other) => other.status.phase === 'Running');
    const older = others.filter(
      ({ id, status, createdAt }) =>
        status.phase === 'Pending' &&
        status.waiting?.kind === 'gpu' &&
        (createdAt < job.createdAt || (createdAt.getTime() === job.createdAt.getTime() && id < job.id)),
    );
    return { jobs: running.length, gpus: gpus(running), gpusPromised: gpus(older) };
  }
  async lockAdmission() {
    return;
  }
  async save(job: Job) {
    const stored = this.jobs.get(job.id);
    if (job.revision === 0 && stored !== undefined) return stored;
    if (stored !== undefined && stored.revision !== job.revision) throw new RevisionConflict('job', job.id);
    const saved = { ...job, revision: job.revision + 1 };
    this.jobs.set(job.id, saved);
    return saved;
  }
}

/** A runner whose attempts do what the test says. */
export class FakeRunner extends Runner {
  readonly launched: { attempt: JobAttempt; document: Readonly<Record<string, unknown>>; needs: AttemptNeeds }[] = [];
  readonly stopped: string[] = [];
  readonly running = new Set<string>();
  readonly leftBehind = new Map<string, Date>();
  observation: AttemptObservation = { state: 'absent' };
  result: RunnerReport | Error = reportOf();
  launchError: Error | null = null;

  async launch(attempt: JobAttempt, document: Readonly<Record<string, unknown>>, needs: AttemptNeeds) {
    if (this.launchError !== null) throw this.launchError;
    if (this.running.has(attempt.name)) return;
    this.running.add(attempt.name);
    this.launched.push({ attempt, document, needs });
    this.observation = { state: 'running', heartbeatAt: T0, progress: null, outputBytes: 0 };
  }
  async observe() {
    return this.observation;
  }
  async report() {
    if (this.result instanceof Error) throw this.result;
    return this.result;
  }
  async outputPath(attempt: JobAttempt, artifact: ReportedArtifact) {
    return `/jobs/${attempt.name}/output/${artifact.file}`;
  }
  async stop(attempt: JobAttempt) {
    this.stopped.push(attempt.name);
    this.running.delete(attempt.name);
  }
  async sweep(known: () => Promise<ReadonlySet<string>>) {
    const names = [...this.running];
    const wanted = await known();
    const orphans = names.filter((name) => !wanted.has(name));
    for (const name of orphans) await this.stop({ name, number: 0 });
    return orphans;
  }
  async clear(known: ReadonlySet<string>, before: Date) {
    const old = [...this.leftBehind].filter(([name, ended]) => !known.has(name) && ended < before);
    for (const [name] of old) this.leftBehind.delete(name);
    return old.map(([name]) => name);
  }
}

/** What attempts told, as the test says it. */
export class FakeAttemptExchange extends AttemptExchange {
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly told = new Map<string, Partial<AttemptNews>>();
  openError: Error | null = null;
  result: RunnerReport | Error = reportOf();

  async open(attempt: JobAttempt) {
    if (this.openError !== null) throw this.openError;
    this.opened.push(attempt.name);
    return { token: `token ${this.opened.length} of ${attempt.name}` };
  }
  async news(attempt: JobAttempt): Promise<AttemptNews> {
    const silence = { heartbeatAt: null, progress: null, outputBytes: 0, logTail: '', ended: null };
    return { ...silence, ...this.told.get(attempt.name) };
  }
  async report() {
    if (this.result instanceof Error) throw this.result;
    return this.result;
  }
  async outputPath(attempt: JobAttempt, artifact: ReportedArtifact) {
    return `/attempts/${attempt.name}/${artifact.file}`;
  }
  async close(attempt: JobAttempt) {
    this.closed.push(attempt.name);
  }
  async clear() {
    return [];
  }
}

/** Registers whatever it is given under the digest that the test foresees. */
export class FakeVersionRegistration extends VersionRegistration {
  readonly requests: RegistrationRequest[] = [];
  refusal: Error | null = null;

  constructor(private readonly digestOfPath: (path: string) => Digest) {
    super();
  }
  async registerFile(request: RegistrationRequest): Promise<Version> {
    if (this.refusal !== null) throw this.refusal;
    this.requests.push(request);
    const digest = this.digestOfPath(request.path);
    const { path: _path, ...rest } = request;
    return { ...rest, digest, reference: request.reference ?? digest, sizeBytes: 1, createdAt: T0 };
  }
}

export class FakeSampleStore extends SampleStore {
  readonly asked: { since: Date; replay: number }[] = [];
  result: Snapshot | Error = SNAPSHOT;

  async after() {
    return [];
  }
  async inputs() {
    return new Map<string, Float32Array>();
  }
  async labels() {
    return new Map<string, number>();
  }
  async count() {
    return { rows: 0, labelled: 0 };
  }
  async snapshot(model: string, { minimumHoldout = 0, ...options }: SnapshotOptions) {
    this.asked.push(options);
    if (this.result instanceof Error) throw this.result;
    const { rows } = this.result.holdout;
    if (rows < minimumHoldout) {
      throw new NotEnoughSamples(model, options.since, rows, { holdout: rows, minimumHoldout });
    }
    return this.result;
  }
}

export class FakeArtifactStore extends ArtifactStore {
  readonly missing = new Set<Digest>();

  async putFile(): Promise<never> {
    throw new Error('not foreseen');
  }
  async putBytes(): Promise<never> {
    throw new Error('not foreseen');
  }
  async verifiedPath(digest: Digest) {
    if (this.missing.has(digest)) throw new NotFound('artifact', digest);
    return `/artifacts/${digest}`;
  }
  async exists(digest: Digest) {
    return !this.missing.has(digest);
  }
}

export class FakeModelStore extends ModelStore {
  constructor(private readonly model: Model) {
    super();
  }
  async find(name: string) {
    return name === this.model.id ? this.model : null;
  }
  async require(name: string) {
    if (name !== this.model.id) throw new NotFound('model', name);
    return this.model;
  }
  async list() {
    return [this.model];
  }
  async save(model: Model) {
    return model;
  }
}

export class FakeTriggerStore extends TriggerStore {
  constructor(private readonly trigger: Trigger) {
    super();
  }
  async find(id: string) {
    return id === this.trigger.id ? this.trigger : null;
  }
  async require(id: string) {
    if (id !== this.trigger.id) throw new NotFound('trigger', id);
    return this.trigger;
  }
  async list() {
    return [this.trigger];
  }
  async save(trigger: Trigger) {
    return trigger;
  }
  async recordDecision() {
    return;
  }
  async decisions(): Promise<TriggerDecision[]> {
    return [];
  }
}

export class FakeTriggerOutcomes extends TriggerOutcomes {
  readonly resolved: { trigger: string; outcome: TriggerOutcome; detail: string }[] = [];

  async resolve(trigger: string, outcome: TriggerOutcome, detail: string) {
    this.resolved.push({ trigger, outcome, detail });
  }
}
