import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Verdict } from '../../../kernel/index.js';
import type { Gate } from '../../../models/index.js';
import { PrometheusClient } from '../../../platform/prometheus/index.js';
import {
  type Answering,
  refusal,
  scalar,
  ScriptedPrometheus,
  vector,
} from '../../../platform/prometheus/testing/index.js';
import { aReading, CANDIDATE, CHAMPION, FakeGateMeter } from '../../testing/index.js';
import { PrometheusGateMeter } from './prometheus-gate-meter.js';
import { PART } from './typed-question.js';

const VERSIONS = { champion: CHAMPION, candidate: CANDIDATE };
const ERRORS: Gate = { kind: 'error-ratio', max: 0.05, minimumSamples: 30 };
const P95: Gate = { kind: 'latency-p95', maxMs: 250, minimumSamples: 30 };
const QUERY: Gate = { kind: 'promql', query: 'sum(x{v="{{candidate}}"})', min: null, max: 5, minimumSamples: 3 };

/** The system's time, because the scripted server stamps its answers with it. */
const clock = { now: () => new Date(Date.now() + skewMs) };
let skewMs = 0;
let server: ScriptedPrometheus;
beforeAll(async () => {
  server = await new ScriptedPrometheus().start();
});
afterAll(() => server.stop());
beforeEach(() => {
  skewMs = 0;
  server.queries.length = 0;
});

type Parts = Readonly<Record<string, string | readonly (readonly [le: string, count: string])[]>>;

/** What Prometheus answers to a combined query. */
function parts(values: Parts, remarks = {}): string {
  const series = Object.entries(values).flatMap(([part, value]): [Record<string, string>, string][] =>
    typeof value === 'string' ? [[{ [PART]: part }, value]] : value.map(([le, count]) => [{ [PART]: part, le }, count]),
  );
  return vector(series, remarks);
}

/** So long before the answer, whenever that is. */
const seconds = (ago: number): string => `ago:${ago}`;
const stamped = (text: string): string =>
  text.replaceAll(/ago:(\d+)/g, (_, ago: string) => String(Date.now() / 1000 - Number(ago)));
/** A healthy candidate as the gateways' series show it. */
const healthy = (over: Parts = {}): string =>
  parts({ total: '400', events: '2', newest: seconds(1), sources: '2', ...over });
const companions = (over: Parts = {}, remarks = {}): string =>
  parts({ samples0: '40', newest0: seconds(1), series0: '2', ...over }, remarks);

/** Answers the clock, then the gate's query, then (for `promql`) its companions. */
function answers(main: string | Answering, beside: string | Answering = companions()): Answering {
  return (form, response, request) => {
    const query = form.get('query') ?? '';
    if (query === 'time()') return void response.end(scalar(String(Date.now() / 1000)));
    const answer = query.startsWith('label_replace(sum(count_over_time(') ? beside : main;
    if (typeof answer === 'string') response.end(stamped(answer));
    else answer(form, response, request);
  };
}

const windows = new FakeGateMeter(() => clock.now());
const meter = (limits: Partial<{ staleSeconds: number; askSeconds: number }> = {}): PrometheusGateMeter => {
  const settings = { url: server.url, timeoutMs: 300, maxResponseBytes: 4_000, bearerTokenFile: undefined };
  return new PrometheusGateMeter(new PrometheusClient(settings), windows, clock, {
    ...{ staleSeconds: 30, askSeconds: 0 },
    ...limits,
  });
};
const read = (gate: Gate, answering: Answering, since = 60) => {
  server.answering = answering;
  return meter().read('digits', gate, VERSIONS, new Date(clock.now().getTime() - since * 1000));
};

describe('what Prometheus may say to a typed gate', () => {
  it.each<[string, string | Answering, Verdict, string]>([
    ['good numbers', healthy(), 'PASS', '2 errors in 400'],
    ['many errors', healthy({ events: '200' }), 'FAIL', '200 errors in 400'],
    ['good numbers, but few', healthy({ total: '20', events: '0' }), 'UNDECIDED', '30 needed'],
    ['an empty vector', vector([]), 'BLIND', 'no data'],
    ['no traffic', healthy({ total: '0', events: '0' }), 'BLIND', 'no data'],
    ['NaN', healthy({ events: 'NaN' }), 'BLIND', 'not finite'],
    ['+Inf', healthy({ events: '+Inf' }), 'BLIND', 'not finite'],
    ['-Inf', healthy({ events: '-Inf' }), 'BLIND', 'not finite'],
    ['no time', parts({ total: '400', events: '2', sources: '2' }), 'BLIND', 'stale'],
    ['a stale sample', healthy({ newest: seconds(45) }), 'BLIND', 'the newest sample is 4'],
    ['a sample from before the step', healthy({ newest: seconds(61) }), 'BLIND', 'newest sample'],
    [
      'a warning',
      parts({ total: '400', events: '2', newest: seconds(1) }, { warnings: ['partial'] }),
      'BLIND',
      'partial',
    ],
    ['an info', parts({ total: '400', events: '2', newest: seconds(1) }, { infos: ['odd'] }), 'BLIND', 'odd'],
    ['400 bad_data', refusal(400, 'bad_data', 'parse error'), 'INVALID', 'parse error'],
    ['422 execution', refusal(422, 'execution', 'many-to-many'), 'BLIND', 'many-to-many'],
    ['503 timeout', refusal(503, 'timeout', 'timed out'), 'BLIND', 'timeout'],
    ['500 internal', refusal(500, 'internal', 'no disk'), 'BLIND', 'no disk'],
    ['401', (_, response) => void response.writeHead(401).end(), 'BLIND', 'refused'],
    ['404', (_, response) => void response.writeHead(404).end(), 'BLIND', 'refused'],
    ['a redirection', (_, response) => void response.writeHead(307, { location: '/' }).end(), 'BLIND', 'refused'],
    ['nothing, for ever', () => undefined, 'BLIND', 'timeout'],
    ['half an answer', healthy().slice(0, -9), 'BLIND', 'garbage'],
    ['a broken connection', (_, response) => void response.destroy(), 'BLIND', 'unreachable'],
    ['too much', parts({ x: 'y'.repeat(5_000) }), 'BLIND', 'too-large'],
    ['garbage', '{"status":"success"}', 'BLIND', 'garbage'],
  ])('%s', async (_, answer, verdict, reason) => {
    const reading = await read(ERRORS, answers(answer));
    expect({ verdict: reading.verdict, reason: reading.reason }).toEqual({
      verdict,
      reason: expect.stringContaining(reason),
    });
  });

  it('is evidence with its count, age, sources and the query that anyone can ask again', async () => {
    const { evidence } = await read(ERRORS, answers(healthy()));
    expect(evidence).toEqual([
      {
        ...{ name: 'error_ratio of the candidate', value: 0.005, samples: 400, series: 1, sources: 2, warnings: [] },
        newestAt: expect.any(Date),
        query: expect.stringMatching(/outcome!="ok"}\[\d{5}ms\].* # at 20\d\d-.*Z$/),
      },
    ]);
    expect(Math.abs((evidence[0]?.newestAt?.getTime() ?? 0) - Date.now() + 1_000)).toBeLessThan(500);
  });

  it('asks over the time since the step was in force, by the clock of Prometheus', async () => {
    skewMs = 20_000;
    const reading = await read(ERRORS, answers(healthy()), 10);
    const [, window] = /\[(\d+)ms\]/.exec(server.queries.at(-1) ?? '') ?? [];
    expect(Number(window)).toBeGreaterThan(9_000);
    expect(Number(window)).toBeLessThan(11_000);
    // A second old there is a second old here, too, whatever the clocks say.
    const age = clock.now().getTime() - (reading.evidence[0]?.newestAt?.getTime() ?? 0);
    expect(Math.abs(age - 1_000)).toBeLessThan(500);
  });

  it('judges latency by whole buckets', async () => {
    const of = (...bucket: [string, string][]) => answers(parts({ bucket, newest: seconds(1), sources: '1' }));
    const fast = await read(P95, of(['0.1', '95'], ['0.25', '99'], ['0.5', '99'], ['+Inf', '100']));
    expect(fast).toMatchObject({ verdict: 'PASS', evidence: [{ value: 100, samples: 100 }] });
    const slow = await read(P95, of(['0.1', '10'], ['0.25', '40'], ['0.5', '100'], ['+Inf', '100']));
    expect(slow).toMatchObject({ verdict: 'FAIL', evidence: [{ value: 500 }] });
    const open = await read(P95, of(['0.1', '90'], ['0.3', '100'], ['+Inf', '100']));
    expect(open).toMatchObject({
      verdict: 'UNDECIDED',
      reason: expect.stringContaining('0 to 10 answers above 250 ms'),
    });
    expect(await read(P95, of(['0.1', '100']))).toMatchObject({ verdict: 'BLIND' });
    expect(await read(P95, of(['0.1', '9'], ['+Inf', '4']))).toMatchObject({ verdict: 'BLIND' });
  });

  it.each([{ kind: 'accuracy', maxLoss: 0.1 } as const, { kind: 'agreement', min: 0.9 } as const])(
    'is not asked about $kind, which the windows count',
    async (question) => {
      windows.verdict = 'PASS';
      const reading = await read({ ...question, minimumSamples: 3 }, () => {
        throw new Error('nobody is to ask');
      });
      expect(reading).toEqual(aReading('PASS', reading.at));
    },
  );

  it('is asked the same only once in a while', async () => {
    server.answering = answers(healthy());
    const patient = meter({ askSeconds: 10 });
    const since = new Date(clock.now().getTime() - 60_000);
    const ask = (from: Date) => patient.read('digits', ERRORS, VERSIONS, from);
    expect(await ask(since)).toBe(await ask(since));
    expect(server.queries).toHaveLength(2);
    await ask(new Date(since.getTime() + 1));
    skewMs = 11_000;
    await ask(since);
    expect(server.queries.filter((query) => query !== 'time()')).toHaveLength(3);
  });
});

describe('what Prometheus may say to a promql gate', () => {
  const one = (value: string): string => vector([[{}, value]]);
  it.each<[string, string | Answering, string | Answering, Verdict, string]>([
    ['one good number', one('4'), companions(), 'PASS', '4 of 40'],
    ['a good scalar', scalar('4'), companions(), 'PASS', '4 of 40'],
    ['one bad number', one('6'), companions(), 'FAIL', '6 of 40'],
    ['a good number of too few samples', one('4'), companions({ samples0: '2' }), 'UNDECIDED', '3 needed'],
    ['an empty vector', vector([]), companions(), 'BLIND', 'no data'],
    ['NaN', one('NaN'), companions(), 'BLIND', 'not finite'],
    ['+Inf', one('+Inf'), companions(), 'BLIND', 'not finite'],
    ['-Inf, which is below the limit', one('-Inf'), companions(), 'BLIND', 'not finite'],
    ['NaN as scalar', scalar('NaN'), companions(), 'BLIND', 'not finite'],
    [
      'two series',
      vector([
        [{ a: '1' }, '1'],
        [{ a: '2' }, '1'],
      ]),
      companions(),
      'BLIND',
      'no data',
    ],
    ['a good number without data behind it', one('0'), vector([]), 'BLIND', 'no data'],
    ['a stale selector', one('4'), companions({ newest0: seconds(45) }), 'BLIND', 'the newest sample is 4'],
    ['a selector that is gone', one('4'), parts({ samples0: '9' }), 'BLIND', 'stale'],
    ['a warning', vector([[{}, '4']], { warnings: ['partial'] }), companions(), 'BLIND', 'partial'],
    ['a warning beside', one('4'), companions({}, { warnings: ['partial'] }), 'BLIND', 'partial'],
    [
      'a native histogram',
      vector([]).replace('"result":[]', '"result":[{"metric":{},"histogram":[1,{}]}]'),
      companions(),
      'BLIND',
      'not finite',
    ],
    [
      'a range',
      JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [] } }),
      companions(),
      'INVALID',
      'matrix',
    ],
    ['400 bad_data', refusal(400, 'bad_data', 'unknown function'), companions(), 'INVALID', 'unknown function'],
    ['422 execution', refusal(422, 'execution', 'many-to-many'), companions(), 'BLIND', 'many-to-many'],
    ['503 timeout', refusal(503, 'timeout', 'timed out'), companions(), 'BLIND', 'timeout'],
    ['an error beside', one('4'), refusal(500, 'internal', 'no disk'), 'BLIND', 'no disk'],
  ])('%s', async (_, main, beside, verdict, reason) => {
    const reading = await read(QUERY, answers(main, beside));
    expect({ verdict: reading.verdict, reason: reading.reason }).toEqual({
      verdict,
      reason: expect.stringContaining(reason),
    });
  });

  it('waits until the query looks back to the step at most', async () => {
    const gate: Gate = { ...QUERY, query: 'sum(rate(x[5m]))' };
    const early = await read(gate, answers(one('4')), 60);
    expect(early).toMatchObject({ verdict: 'UNDECIDED', reason: expect.stringMatching(/another 2[34]\d s/) });
    // Not even FAIL: what it sees may be from before.
    expect(await read(gate, answers(one('9')), 60)).toMatchObject({ verdict: 'UNDECIDED' });
    expect(await read(gate, answers(one('9')), 301)).toMatchObject({ verdict: 'FAIL' });
  });

  it('is judged by its poorest selector that has data at all', async () => {
    const gate: Gate = { ...QUERY, query: 'sum(a) / sum(b) or vector(0)' };
    const beside = parts({
      samples0: '90',
      newest0: seconds(9),
      series0: '1',
      samples1: '7',
      newest1: seconds(3),
      series1: '3',
    });
    const { evidence } = await read(gate, answers(one('4'), beside));
    expect(evidence).toMatchObject([{ samples: 7, sources: 4, series: 1 }]);
    const gone = parts({ samples1: '7', newest1: seconds(3), series1: '3' });
    expect(await read(gate, answers(one('4'), gone))).toMatchObject({ verdict: 'PASS', evidence: [{ samples: 7 }] });
  });

  it('asks beside the query what its selectors hold', async () => {
    await read({ ...QUERY, query: 'sum(rate(x{v="{{candidate}}"}[30s]))' }, answers(one('4')));
    const beside = server.queries.find((query) => query.includes('count_over_time'));
    expect(beside?.replaceAll(/\[\d+ms\]/g, '[…]')).toBe(
      [
        'label_replace(sum(count_over_time(x{v="bbbbbbbbbbbb"}[…])), "ratchet_part", "samples0", "", "")',
        'label_replace(max(timestamp(x{v="bbbbbbbbbbbb"})), "ratchet_part", "newest0", "", "")',
        'label_replace(count(x{v="bbbbbbbbbbbb"}), "ratchet_part", "series0", "", "")',
      ].join(' or '),
    );
  });

  it('with a query that admission would have refused is INVALID', async () => {
    expect(await read({ ...QUERY, query: 'sum(' }, answers(one('4')))).toMatchObject({ verdict: 'INVALID' });
  });
});
