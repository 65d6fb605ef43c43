import { describe, expect, it } from '@jest/globals';
import {
  isRolledOut,
  modeProblem,
  planCanary,
  planCanaryRelease,
  planCanaryRevert,
  seeCanary,
} from './inference-service.js';
import { preflight, storagePlace } from './kserve-rules.js';
import { ANNOTATION } from './lease.js';

const T0 = new Date('2026-01-01T00:00:00.000Z');
const WANTED = { storageUri: 's3://models/b', percent: 10 };
const MODE = 'serving.kserve.io/deploymentMode';
const SERVING = {
  ...{ latestCreatedRevision: 'r1', latestReadyRevision: 'r1', latestRolledoutRevision: 'r1' },
  traffic: [{ revisionName: 'r1', percent: 100, latestRevision: true }],
};

function aService(predictor: object = {}, annotations: object = { [MODE]: 'Knative' }, status: object = SERVING) {
  return {
    metadata: { name: 'digits', annotations, resourceVersion: '7' },
    spec: { predictor: { model: { storageUri: 's3://models/a' }, ...predictor } },
    status: { components: { predictor: status } },
  };
}
const order = { ...WANTED, rollout: 'r', confirmBy: new Date(T0.getTime() + 60_000), now: T0 };
const mine = { [MODE]: 'Knative', [ANNOTATION.rollout]: 'r', [ANNOTATION.epoch]: '1', [ANNOTATION.stable]: 'r1' };

describe('an InferenceService', () => {
  it.each([
    [{ [MODE]: 'Knative' }, undefined, null],
    [{ [MODE]: 'Serverless' }, 'Knative', null],
    [{}, undefined, /default is Standard/],
    [{}, 'Knative', /default is Standard/],
    [{ [MODE]: 'Standard' }, undefined, /its mode is Standard/],
    [{ [MODE]: 'RawDeployment' }, 'Standard', /its mode is Standard/],
    [{ [MODE]: 'Knative' }, 'Standard', /asks for the mode Knative, but KServe runs it in Standard/],
  ])('with the annotation %j and the reported mode %j', (annotations, deploymentMode, problem) => {
    const said = modeProblem({ metadata: { annotations }, status: { deploymentMode } });
    if (problem === null) expect(said).toBeNull();
    else expect(said).toMatch(problem);
  });

  it.each([
    ['a predictor of containers', { model: undefined, containers: [{}] }, /names no model/],
    ['two models', { onnx: { storageUri: 's3://x' } }, /more than one model: model, onnx/],
    ['a storage spec', { model: { storage: { path: 'x' } } }, /takes its model from `storage`/],
    ['a named framework', { model: { storageUri: 's3://x', name: 'n' } }, /does not allow a name/],
    ['storageUris', { storageUris: [{ uri: 's3://x' }] }, /storageUris beside/],
    ['too many replicas', { minReplicas: 2, maxReplicas: 1 }, /minReplicas cannot be greater/],
    ['negative replicas', { minReplicas: -1 }, /cannot be negative/],
    ['negative concurrency', { containerConcurrency: -1 }, /containerConcurrency/],
    ['an unknown logger mode', { logger: { mode: 'some' } }, /logger's mode/],
    ['several nodes', { workerSpec: {} }, /pvc:\/\/ and oci:\/\/ only/],
  ])('is refused with %s, as KServe would', (_, predictor, reason) => {
    expect(preflight(aService(predictor), WANTED)).toMatch(reason);
  });

  it.each([
    [{ ...WANTED, storageUri: 'ftp://x' }, /does not read "ftp:\/\/x"/],
    [{ ...WANTED, percent: 12.5 }, /a whole number from 0 to 100, not 12.5/],
  ])('is refused what KServe does not read: %j', (wanted, reason) => {
    expect(preflight(aService(), wanted)).toMatch(reason);
    expect(preflight(aService(), WANTED)).toBeNull();
    expect(storagePlace(aService({ model: undefined, onnx: { storageUri: 's3://x' } }))).toEqual([
      ...['spec', 'predictor', 'onnx', 'storageUri'],
    ]);
  });

  it.each([
    [
      'another canary',
      { canaryTrafficPercent: 20 },
      SERVING,
      'refused',
      /Somebody else gives the newest revision 20 %/,
    ],
    [
      'the candidate as its model',
      { model: { storageUri: WANTED.storageUri } },
      SERVING,
      'refused',
      /serves the candidate already/,
    ],
    ['a rollout of its own under way', {}, { ...SERVING, latestCreatedRevision: 'r2' }, 'nothing', /r2 is not ready/],
    [
      'a rollout that is not finished',
      {},
      { ...SERVING, latestRolledoutRevision: 'r0' },
      'nothing',
      /r0 does not get all/,
    ],
    [
      'a refused candidate that never became ready',
      { canaryTrafficPercent: 0 },
      { ...SERVING, latestCreatedRevision: 'r2' },
      'patch',
      null,
    ],
  ])('with %s', (_, predictor, status, kind, reason) => {
    const plan = planCanary(aService(predictor, { [MODE]: 'Knative' }, status), order);
    expect(plan.kind).toBe(kind);
    if (reason !== null) expect(plan).toMatchObject({ reason: expect.stringMatching(reason) });
  });

  it('takes the same bytes again for the newest revision, because KServe makes no new one', () => {
    const service = aService({ model: { storageUri: WANTED.storageUri }, canaryTrafficPercent: 0 });
    const plan = planCanary(
      { ...service, status: { components: { predictor: { ...SERVING, latestCreatedRevision: 'r2' } } } },
      order,
    );
    expect(plan.kind === 'patch' && plan.operations).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ path: expect.stringContaining('candidate-backend'), value: 'is:r2' }),
      ]),
    );
  });

  it('that is not ours is neither given back nor reverted', () => {
    const theirs = aService({ canaryTrafficPercent: 30 });
    expect(planCanaryRelease(theirs, 'r').kind).toBe('nothing');
    expect(planCanaryRevert(theirs, T0).kind).toBe('nothing');
  });

  it('is reverted after its time unless KServe ignores the field', () => {
    const lease = { ...mine, [ANNOTATION.candidate]: 'after:r1', [ANNOTATION.confirmBy]: T0.toISOString() };
    const later = new Date(T0.getTime() + 1_000);
    expect(planCanaryRevert(aService({ canaryTrafficPercent: 30 }, lease), later).kind).toBe('patch');
    const standard = { ...lease, [MODE]: 'Standard' };
    expect(planCanaryRevert(aService({ canaryTrafficPercent: 30 }, standard), later).kind).toBe('refused');
  });

  it('counts only when the two versions share everything', () => {
    const split = (stable: number, candidate: number) => ({
      ...{ latestCreatedRevision: 'r2', latestReadyRevision: 'r2', latestRolledoutRevision: 'r1' },
      traffic: [
        { revisionName: 'r2', percent: candidate },
        { revisionName: 'r1', percent: stable },
      ],
    });
    const lease = { ...mine, [ANNOTATION.candidate]: 'after:r1' };
    expect(seeCanary(aService({}, lease, split(90, 10)), 'r').weight).toBe(10);
    expect(seeCanary(aService({}, lease, split(80, 10)), 'r')).toMatchObject({ weight: null });
    expect(isRolledOut(aService({}, mine, split(0, 100)))).toBe(false);
    expect(isRolledOut(aService())).toBe(true);
  });
});
