import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Actor } from '../../../kernel/index.js';
import { FakeModelStore } from '../../../jobs/testing/fakes.js';
import { as, openController } from '../../../jobs/testing/http.js';
import { digestOf } from '../../../jobs/testing/jobs.js';
import { digitsModel } from '../../../jobs/testing/model.js';
import { ModelStore } from '../../../models/index.js';
import { CandidateIntake } from '../../candidate-intake.js';
import { CandidateStore } from '../../ports.js';
import { evaluationOf, FakeCandidateStore, pendingCandidate } from '../../testing/candidates.js';
import { CandidatesController } from './candidates.controller.js';

describe('CandidatesController', () => {
  let app: NestFastifyApplication;
  let submitted: unknown[];

  beforeEach(async () => {
    submitted = [];
    const accepted = { ...pendingCandidate(), status: { phase: 'Accepted' as const, evaluation: evaluationOf() } };
    const intake = {
      submit: async (model: string, wanted: unknown, actor: Actor) => {
        submitted.push([model, wanted, actor.name]);
        return pendingCandidate({}, 'digits-m1');
      },
    };
    app = await openController(CandidatesController, [
      { provide: CandidateStore, useValue: new FakeCandidateStore(accepted) },
      { provide: ModelStore, useValue: new FakeModelStore(digitsModel()) },
      { provide: CandidateIntake, useValue: intake },
    ]);
  });
  afterEach(() => app.close());

  it('lists and shows candidates, and their Pareto front', async () => {
    expect((await app.inject(as('viewer', 'GET', '/models/digits/candidates'))).json().items).toHaveLength(1);
    expect((await app.inject(as('viewer', 'GET', '/candidates/digits-t1-c1'))).json().status.phase).toBe('Accepted');
    expect((await app.inject(as('viewer', 'GET', '/models/digits/pareto'))).json().items).toMatchObject([
      { candidate: 'digits-t1-c1', sizeBytes: 123_000, speedup: 2, nonDominated: true },
    ]);
    expect((await app.inject(as('viewer', 'GET', '/candidates/nobody'))).statusCode).toBe(404);
  });

  it('takes a version from an operator, and from nobody below', async () => {
    const url = '/models/digits/candidates';
    expect((await app.inject(as('viewer', 'POST', url, { digest: digestOf('b') }))).statusCode).toBe(403);
    const made = await app.inject(as('operator', 'POST', url, { digest: digestOf('b'), holdout: digestOf('d') }));
    expect([made.statusCode, made.json().id]).toEqual([201, 'digits-m1']);
    expect(submitted).toEqual([['digits', { digest: digestOf('b'), holdout: digestOf('d') }, 'operator']]);
  });

  it.each([{}, { digest: 'latest' }, { digest: digestOf('b'), force: true }])('refuses the body %j', async (body) => {
    expect((await app.inject(as('operator', 'POST', '/models/digits/candidates', body))).statusCode).toBe(400);
    expect(submitted).toEqual([]);
  });
});
