import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ScriptedRunner } from './support/scripted-runner.js';
import { ask, feed, OBJECTIVES, serveTiny, TINY_TWIN } from './support/tiny-model.js';
import { until } from './support/until.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';

interface Trigger {
  readonly id: string;
  readonly status: { readonly phase: string; readonly outcome?: string; readonly detail?: string };
}

/** Whatever a runner does, its trigger ends with the reason, the champion goes on serving, and the next runner works. */
describe('a runner', () => {
  let app: WholeApp;
  let runner: ScriptedRunner;
  let champion: string;

  beforeAll(async () => {
    app = await startWholeApp((folder) => {
      runner = new ScriptedRunner(folder, TINY_TWIN);
      return {
        RATCHET_JOBS_PYTHON: runner.program,
        RATCHET_JOBS_SILENCE_SECONDS: '3',
        RATCHET_JOBS_MAX_OUTPUT_BYTES: '2000000',
        RATCHET_CANDIDATES_LATENCY_ROUNDS: '30',
        RATCHET_CANDIDATES_LATENCY_CALLS: '2',
      };
    });
    // A twin of the reference is as large as it is, so every candidate is refused, and its trigger ends too.
    champion = await serveTiny(app, 'tiny', { objectives: { ...OBJECTIVES, maxSizeRatio: 0.5 } });
    await feed(app, 'tiny', 300);
  }, 60_000);
  afterAll(() => app.close());

  async function run(behaviour: string): Promise<Trigger> {
    runner.behave(behaviour);
    const opened = await app.call('POST', '/api/v1/models/tiny/triggers', { reason: `a runner that ${behaviour}` });
    expect(opened).toMatchObject({ status: 201, body: { status: { phase: 'Open' } } });
    const id = String(opened.body['id']);
    const look = async () => (await app.call('GET', `/api/v1/triggers/${id}`)).body as unknown as Trigger;
    const done = async () => {
      const trigger = await look();
      return trigger.status.phase === 'Resolved' ? trigger : null;
    };
    return until(`end of ${id}`, done, 25, () => app.call('GET', `/api/v1/jobs/${id}-job`));
  }

  it.each([
    ['exits with 1', /the runner exited with 1: RuntimeError: no memory left on this device/],
    ['hangs', /no sign of life for \d+ s/],
    ['writes garbage', /report/],
    ['fills the disk quota', /output larger than 2\.0 MB/],
    ['brings a model that is cut off', /the result is refused: The file is no readable ONNX model/],
  ])(
    'that %s',
    async (behaviour, reason) => {
      const failed = await run(behaviour);
      expect(failed.status).toMatchObject({ outcome: 'failed', detail: expect.stringMatching(reason) });
      expect(await app.call('GET', `/api/v1/jobs/${failed.id}-job`)).toMatchObject({
        status: 200,
        body: { status: { phase: 'Failed', failures: [expect.stringMatching(reason)] } },
      });
      expect(await ask(app, 'tiny', 3)).toMatchObject({ status: 200, body: { model_version: champion } });

      const next = await run('works');
      expect(next.status).toMatchObject({
        outcome: 'refused',
        detail: expect.stringMatching(/100\.0 % of the reference's size/),
      });
      const job = await app.call('GET', `/api/v1/jobs/${next.id}-job`);
      expect(job.body).toMatchObject({
        status: { phase: 'Succeeded', candidates: [expect.stringMatching(/^sha256:/)] },
      });
      expect((await app.call('GET', '/api/v1/audit/verify')).body).toMatchObject({ intact: true });
    },
    60_000,
  );

  it('leaves a complete account: every trigger with its outcome, every candidate with its record', async () => {
    const { items } = (await app.call('GET', '/api/v1/models/tiny/triggers')).body as { items?: Trigger[] };
    expect(items?.map(({ status }) => status.outcome)).toEqual(
      Array.from({ length: 5 }, () => ['refused', 'failed']).flat(),
    );
    const records = (await app.call('GET', '/api/v1/models/tiny/records')).body['items'];
    expect(records).toEqual(
      Array.from({ length: 5 }, () => expect.objectContaining({ outcome: 'refused', decidedBy: 'candidates' })),
    );
  });
});
