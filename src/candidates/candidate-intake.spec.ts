import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Digest } from '../kernel/index.js';
import { FakeClock, ImmediateUnitOfWork, RecordingAuditLog, RecordingWorkQueue } from '../kernel/testing/index.js';
import {
  FakeArtifactStore,
  FakeJobStore,
  FakeModelStore,
  FakeTriggerStore,
  FakeVersionRegistration,
} from '../jobs/testing/fakes.js';
import { digestOf, openTrigger, pendingJob, reportOf, runningJob, SNAPSHOT, T0 } from '../jobs/testing/jobs.js';
import { digitsModel } from '../jobs/testing/model.js';
import type { Job } from '../jobs/index.js';
import { ChampionHistory, type ChampionPeriod, type Version, VersionCatalog } from '../models/index.js';
import { CandidateIntake } from './candidate-intake.js';
import { NotACandidate } from './domain/errors.js';
import { FakeCandidateStore } from './testing/candidates.js';

const ACTOR = { name: 'eve', role: 'operator' } as const;

class NoChampions extends ChampionHistory {
  async current(): Promise<ChampionPeriod | null> {
    return null;
  }
  async servingAt(): Promise<ChampionPeriod | null> {
    return null;
  }
  async list(): Promise<ChampionPeriod[]> {
    return [];
  }
  async begin(): Promise<void> {
    return;
  }
}

class Versions extends VersionCatalog {
  constructor(private readonly versions: readonly Version[]) {
    super();
  }
  async register(): Promise<void> {
    return;
  }
  async find(_model: string, digest: Digest) {
    return this.versions.find((version) => version.digest === digest) ?? null;
  }
  async list() {
    return [...this.versions];
  }
}

function succeededJob(candidates: Digest[], over: { reference?: Digest; holdoutRows?: number } = {}): Job {
  const { attempt } = runningJob().status;
  const snapshot = { ...SNAPSHOT, holdout: { ...SNAPSHOT.holdout, rows: over.holdoutRows ?? 200 } };
  return {
    ...pendingJob(),
    status: {
      ...{ phase: 'Succeeded', attempt, snapshot, finishedAt: T0, runnerSeconds: 1, candidates, failures: [] },
      ...{ reference: over.reference ?? null, report: reportOf() },
    },
  };
}

describe('CandidateIntake', () => {
  let candidates: FakeCandidateStore;
  let queue: RecordingWorkQueue;
  let audit: RecordingAuditLog;
  let registration: FakeVersionRegistration;
  let artifacts: FakeArtifactStore;
  let intake: CandidateIntake;

  function start(job: Job, versions: readonly Version[] = []): void {
    candidates = new FakeCandidateStore();
    queue = new RecordingWorkQueue();
    audit = new RecordingAuditLog();
    artifacts = new FakeArtifactStore();
    registration = new FakeVersionRegistration((path) => path.replace('/artifacts/', '') as Digest);
    intake = new CandidateIntake({
      ...{
        candidates,
        queue,
        audit,
        registration,
        artifacts,
        clock: new FakeClock(T0),
        unitOfWork: new ImmediateUnitOfWork(),
      },
      ...{
        jobs: new FakeJobStore(job),
        triggers: new FakeTriggerStore(openTrigger()),
        models: new FakeModelStore(digitsModel()),
      },
      ...{ versions: new Versions(versions), champions: new NoChampions() },
    });
  }
  beforeEach(() => {
    start(succeededJob([digestOf('b'), digestOf('f')]));
  });

  it("makes one candidate of each of a job's versions, however often it is told", async () => {
    await intake.fromJob('digits-t1-job');
    await intake.fromJob('digits-t1-job');
    expect([...candidates.candidates.values()].map(({ id, spec }) => [id, spec.digest])).toEqual([
      ['digits-t1-c1', digestOf('b')],
      ['digits-t1-c2', digestOf('f')],
    ]);
    expect((await candidates.require('digits-t1-c1')).spec).toMatchObject({
      ...{ trigger: 'digits-t1', job: 'digits-t1-job', cause: 'no-compressed-champion', holdout: digestOf('d') },
      ...{ reference: digestOf('a'), champion: digestOf('a'), submittedBy: null },
    });
    expect(queue.enqueued.slice(0, 2).map(({ kind, key }) => [kind, key])).toEqual([
      ['candidate', 'digits-t1-c1'],
      ['candidate', 'digits-t1-c2'],
    ]);
  });

  it('judges against the new reference of the job, and on fresh rows when the job held too few back', async () => {
    start(succeededJob([digestOf('b')], { reference: digestOf('e'), holdoutRows: 31 }));
    await intake.fromJob('digits-t1-job');
    expect((await candidates.require('digits-t1-c1')).spec).toMatchObject({ reference: digestOf('e'), holdout: null });
  });

  it('makes nothing of a job that has not succeeded', async () => {
    start(runningJob());
    await intake.fromJob('digits-t1-job');
    expect(candidates.candidates.size).toBe(0);
  });

  it('registers an uploaded artifact that is submitted, and writes it into the audit log', async () => {
    const made = await intake.submit('digits', { digest: digestOf('b'), holdout: digestOf('d') }, ACTOR);
    expect(made).toMatchObject({
      id: 'digits-m1',
      spec: { cause: 'manual', trigger: null, submittedBy: 'eve', holdout: digestOf('d') },
    });
    expect(registration.requests).toMatchObject([
      { kind: 'compressed', reference: digestOf('a'), path: `/artifacts/${digestOf('b')}` },
    ]);
    expect(audit.entries).toMatchObject([
      { action: 'candidates.submit', subject: 'candidate/digits-m1', actor: 'eve' },
    ]);
    expect(queue.enqueued).toEqual([{ kind: 'candidate', key: 'digits-m1', delayMs: 0 }]);
  });

  it('does not register again what is in the catalog, and keeps its reference', async () => {
    const known: Version = {
      ...{ digest: digestOf('b'), model: 'digits', kind: 'compressed', parent: null, reference: digestOf('e') },
      ...{ recipe: null, snapshot: null, job: null, sizeBytes: 1, createdAt: T0 },
    };
    start(succeededJob([]), [known]);
    expect((await intake.submit('digits', { digest: digestOf('b'), holdout: null }, ACTOR)).spec.reference).toBe(
      digestOf('e'),
    );
    expect(registration.requests).toEqual([]);
  });

  it('numbers what is submitted by hand', async () => {
    for (const digest of [digestOf('b'), digestOf('c'), digestOf('e')])
      await intake.submit('digits', { digest, holdout: null }, ACTOR);
    expect([...candidates.candidates.keys()]).toEqual(['digits-m1', 'digits-m2', 'digits-m3']);
  });

  it('refuses the champion itself, and held-out rows that are not there', async () => {
    await expect(intake.submit('digits', { digest: digestOf('a'), holdout: null }, ACTOR)).rejects.toThrow(
      NotACandidate,
    );
    artifacts.missing.add(digestOf('d'));
    await expect(intake.submit('digits', { digest: digestOf('b'), holdout: digestOf('d') }, ACTOR)).rejects.toThrow(
      'There is no artifact',
    );
    expect(candidates.candidates.size).toBe(0);
  });
});
