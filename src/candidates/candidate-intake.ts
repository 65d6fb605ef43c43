import {
  type Actor,
  type AuditLog,
  type Clock,
  type Digest,
  NotFound,
  type UnitOfWork,
  type WorkQueue,
} from '../kernel/index.js';
import type { JobStore } from '../jobs/index.js';
import type {
  ArtifactStore,
  ChampionHistory,
  ModelStore,
  Version,
  VersionCatalog,
  VersionRegistration,
} from '../models/index.js';
import type { TriggerStore } from '../triggers/index.js';
import type { Candidate } from './domain/candidate.js';
import { candidatesOfJob, submittedCandidate, type Submission } from './domain/create-candidate.js';
import { NotACandidate } from './domain/errors.js';
import type { CandidateStore } from './ports.js';

/** Kind of the candidate reconciler; its key is the candidate's id. */
export const CANDIDATE_KIND = 'candidate';

/** The two ways in which candidates come to be: out of a job, and by hand. */
export class CandidateIntake {
  constructor(
    private readonly ports: {
      readonly candidates: CandidateStore;
      readonly jobs: JobStore;
      readonly triggers: TriggerStore;
      readonly models: ModelStore;
      readonly versions: VersionCatalog;
      readonly registration: VersionRegistration;
      readonly artifacts: ArtifactStore;
      readonly champions: ChampionHistory;
      readonly queue: WorkQueue;
      readonly unitOfWork: UnitOfWork;
      readonly audit: AuditLog;
      readonly clock: Clock;
    },
  ) {}

  /** Creates the job's candidates; the same once and many times. */
  async fromJob(jobId: string): Promise<void> {
    const { candidates, jobs, triggers, queue, unitOfWork, clock } = this.ports;
    const job = await jobs.require(jobId);
    const trigger = await triggers.require(job.spec.trigger);
    const made = candidatesOfJob(job, trigger.spec.cause, clock.now());
    await unitOfWork.run('candidates.from-job', async () => {
      for (const candidate of made) {
        await candidates.save(candidate);
        await queue.enqueue(CANDIDATE_KIND, candidate.id);
      }
    });
  }

  /**
   * Submits a registered version, or an uploaded artifact that is registered now.
   * @throws NotFound @throws NotACandidate, and what registration throws
   */
  async submit(
    model: string,
    wanted: { readonly digest: Digest; readonly holdout: Digest | null },
    actor: Actor,
  ): Promise<Candidate> {
    const { models, artifacts, champions, queue, unitOfWork, audit } = this.ports;
    const { reference } = (await models.require(model)).spec;
    if (wanted.holdout !== null && !(await artifacts.exists(wanted.holdout)))
      throw new NotFound('artifact', wanted.holdout);
    const champion = (await champions.current(model))?.champion ?? reference.digest;
    const version = await this.registered(model, wanted.digest, champion, reference.digest);
    if (version.digest === champion) throw new NotACandidate(version.digest, 'it is the champion already');
    const submission = {
      model,
      digest: version.digest,
      reference: version.reference,
      champion,
      holdout: wanted.holdout,
      submittedBy: actor.name,
    };
    return unitOfWork.run('candidates.submit', async () => {
      const candidate = await this.create(submission);
      const subject = `candidate/${candidate.id}`;
      await audit.append({
        actor: actor.name,
        role: actor.role,
        action: 'candidates.submit',
        subject,
        reason: '',
        detail: { ...wanted },
      });
      await queue.enqueue(CANDIDATE_KIND, candidate.id);
      return candidate;
    });
  }

  private async registered(model: string, digest: Digest, champion: Digest, reference: Digest): Promise<Version> {
    const { versions, registration, artifacts } = this.ports;
    const known = await versions.find(model, digest);
    if (known !== null) return known;
    const path = await artifacts.verifiedPath(digest);
    const current = (await versions.find(model, champion))?.reference ?? reference;
    return registration.registerFile({
      ...{ model, path, kind: 'compressed', parent: null, reference: current },
      ...{ recipe: null, snapshot: null, job: null },
    });
  }

  /** The next free number: an insert that finds its number taken gives back what is there. */
  private async create(submission: Submission): Promise<Candidate> {
    const { candidates, clock } = this.ports;
    const taken = (await candidates.list(submission.model)).filter(
      (candidate) => candidate.spec.submittedBy !== null,
    ).length;
    for (let number = taken + 1; ; number += 1) {
      const wanted = submittedCandidate(submission, number, clock.now());
      const saved = await candidates.save(wanted);
      const { digest, holdout, submittedBy } = saved.spec;
      const ours =
        digest === submission.digest && holdout === submission.holdout && submittedBy === submission.submittedBy;
      // The same submission at the same moment: one candidate is enough.
      if (ours && saved.status.phase === 'Pending') return saved;
    }
  }
}
