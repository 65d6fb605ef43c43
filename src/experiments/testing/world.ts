import { evaluationOf, FakeCandidateStore, pendingCandidate } from '../../candidates/testing/candidates.js';
import { FakeTriggerOutcomes } from '../../jobs/testing/fakes.js';
import { FakeClock, ImmediateUnitOfWork, RecordingFactBus, RecordingWorkQueue } from '../../kernel/testing/index.js';
import { FakeChampionHistory, FakeChangeLock, FakeModelStore, someSpec } from '../../models/testing/index.js';
import { aRoute, FakeExposureLog, FakeGatewayStatus, FakeRouteStore } from '../../serving/testing/index.js';
import { ExperimentEndings } from '../experiment-endings.js';
import { ExperimentIntake } from '../experiment-intake.js';
import { ExperimentReconciler } from '../experiment.reconciler.js';
import { ExperimentTraffic } from '../experiment-traffic.js';
import { LiveEntry } from '../live-entry.js';
import { ShadowEntry } from '../shadow-entry.js';
import {
  CANDIDATE,
  CHAMPION,
  FakeAllowance,
  FakeAnswerLedger,
  FakeExperimentStore,
  FakeInputs,
  FakePairLog,
  FakeProgressStore,
  FakeScorer,
  FakeWindows,
} from './index.js';

export const ID = 'digits-t1-c1-x';
const NOBODY = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };

/** An experiment of `digits-t1-c1` and everything around it, in memory. */
export function newWorld() {
  const clock = new FakeClock();
  const unitOfWork = new ImmediateUnitOfWork();
  const facts = new RecordingFactBus(unitOfWork);
  const experiments = new FakeExperimentStore();
  const candidates = new FakeCandidateStore({
    ...pendingCandidate({ digest: CANDIDATE, champion: CHAMPION, reference: CHAMPION }),
    status: { phase: 'Accepted', evaluation: evaluationOf() },
  });
  const models = new FakeModelStore();
  models.models.set('digits', {
    ...{ id: 'digits', model: 'digits', spec: someSpec(), status: { phase: 'Registered', generation: 1 } },
    ...{ revision: 1, createdAt: clock.now(), updatedAt: clock.now() },
  });
  const champions = new FakeChampionHistory();
  const routes = new FakeRouteStore();
  routes.routes.set('digits', aRoute({ model: 'digits', stable: CHAMPION, candidate: null, weight: 0, mirror: null }));
  const [lock, outcomes, ledger, log] = [
    new FakeChangeLock(),
    new FakeTriggerOutcomes(),
    new FakeAnswerLedger(),
    new FakePairLog(),
  ];
  const [gateways, exposures, windows, progress] = [
    new FakeGatewayStatus(),
    new FakeExposureLog(),
    new FakeWindows(),
    new FakeProgressStore(),
  ];
  gateways.epochs.set('digits', 1);
  const traffic = new ExperimentTraffic({ routes, gateways, windows, clock });
  const [scorer, samples, allowance, queue] = [
    new FakeScorer(),
    new FakeInputs(),
    new FakeAllowance(),
    new RecordingWorkQueue(),
  ];
  const endings = new ExperimentEndings({ experiments, candidates, traffic, lock, outcomes, facts, unitOfWork });
  const shadow = new ShadowEntry(
    { log, progress, ledger, samples, scorer, models, unitOfWork, clock },
    { unlabelledAfterSeconds: 5, rescoreBatch: 256 },
  );
  const live = new LiveEntry({ progress, windows, ledger, exposures, models, unitOfWork, clock }, 0);
  const seen = { champions, lock, traffic };
  const reconciler = new ExperimentReconciler(experiments, seen, { shadow, live }, endings, clock, 500);
  const intake = new ExperimentIntake({
    experiments,
    candidates,
    models,
    champions,
    allowance,
    traffic,
    queue,
    unitOfWork,
    clock,
  });
  return {
    ...{
      clock,
      facts,
      experiments,
      champions,
      routes,
      lock,
      outcomes,
      ledger,
      log,
      scorer,
      samples,
      allowance,
      intake,
    },
    ...{ models, gateways, exposures, windows, progress, traffic },
    /** So many sampled requests that the champion answered with 1. */
    sample: (count: number, { label }: { label: number | null }) => {
      for (let n = 0; n < count; n += 1) {
        const sequence = samples.samples.length + 1;
        samples.samples.push({
          ...{ sequence, requestId: `s${sequence}`, version: CHAMPION, at: new Date(clock.now().getTime() + 1) },
          ...{ input: new Float32Array([1, 2]), prediction: 1, confidence: 1, label, weight: 1 },
        });
      }
    },
    pass: () => reconciler.reconcile(ID),
    status: async () => (await experiments.require(ID)).status,
    champion: (champion: typeof CHAMPION) => ({
      ...{ model: 'digits', champion, reference: CHAMPION, profile: NOBODY, at: clock.now() },
    }),
  };
}
