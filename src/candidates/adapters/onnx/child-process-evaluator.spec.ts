import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Digest } from '../../../kernel/index.js';
import { FakeClock } from '../../../kernel/testing/index.js';
import { buildOnnx } from '../../../models/testing/onnx-builder.js';
import { EvaluationUnavailable } from '../../domain/errors.js';
import type { EvaluationRequest } from '../../ports.js';
import { FolderOfArtifacts } from '../../testing/artifacts.js';
import { holdoutFile } from '../../testing/holdout.js';
import { ChildProcessEvaluator } from './child-process-evaluator.js';

const FIXTURES = resolve(import.meta.dirname, '../../testing/fixtures');

describe('ChildProcessEvaluator', () => {
  let folder: string;
  let artifacts: FolderOfArtifacts;
  let reference: Digest;
  let holdout: Digest;
  const settings = {
    maxRssBytes: 600_000_000,
    wallSeconds: 20,
    latencyRounds: 30,
    latencyCalls: 5,
    maxRows: 4096,
    maxTries: 3,
    sampleWaitSeconds: 1,
  };
  const evaluator = (over: Partial<typeof settings> = {}) =>
    new ChildProcessEvaluator(artifacts, new FakeClock(), { ...settings, ...over });
  const request = (candidate: Digest, over: Partial<EvaluationRequest> = {}): EvaluationRequest => ({
    candidate: 'digits-t1-c1',
    model: {
      task: { kind: 'classification', classes: 4 },
      input: { name: 'x', datatype: 'FP32', shape: [-1, 4] },
      output: { name: 'y', datatype: 'FP32', shape: [-1, 4] },
    },
    versions: { candidate, reference, champion: reference },
    holdout,
    ...over,
  });
  const fixture = (name: string) => artifacts.add(readFileSync(join(FIXTURES, name)));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ratchet-evaluation-test-'));
    artifacts = new FolderOfArtifacts(folder);
    reference = artifacts.add(buildOnnx());
    holdout = artifacts.add(holdoutFile(120));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('measures quality, agreement, size and interleaved latency', async () => {
    const outcome = await evaluator().evaluate(request(fixture('slow.onnx')));
    if (outcome.kind !== 'measured') throw new Error(outcome.reasons.join());
    const { evaluation } = outcome;
    expect(evaluation.dataset).toEqual({
      digest: holdout,
      rows: 120,
      labelled: 120,
      from: new Date('2026-01-01T00:00:00.000Z'),
      until: new Date('2026-01-01T00:01:59.000Z'),
    });
    expect(evaluation.accuracy).toEqual({
      candidate: { value: 1, samples: 120 },
      reference: { value: 1, samples: 120 },
      champion: { value: 1, samples: 120 },
    });
    expect(evaluation.agreement).toEqual({
      candidate: { value: 1, samples: 120 },
      champion: { value: 1, samples: 120 },
    });
    expect(evaluation.paired).toEqual({ samples: 120, lost: 0, gained: 0 });
    expect(evaluation.noiseAccuracy?.candidate.samples).toBe(120);
    expect(evaluation.size.ratio).toBeGreaterThan(1);
    expect(evaluation.latency.rounds).toBe(30);
    expect(evaluation.latency.speedup).toBeLessThan(1);
    expect(evaluation.latency.championMs).toBe(evaluation.latency.referenceMs);
    expect(evaluation.peakRssBytes).toBeGreaterThan(10_000_000);
  });

  it('counts on which rows a worse candidate lost', async () => {
    const outcome = await evaluator().evaluate(request(artifacts.add(buildOnnx({ operator: 'Neg' }))));
    if (outcome.kind !== 'measured') throw new Error(outcome.reasons.join());
    expect(outcome.evaluation.paired).toEqual({ samples: 120, lost: 120, gained: 0 });
    expect(outcome.evaluation.agreement.candidate.value).toBe(0);
  });

  it('measures what can be measured without labels', async () => {
    const unlabelled = artifacts.add(holdoutFile(40, { labelled: false }));
    const outcome = await evaluator().evaluate(request(reference, { holdout: unlabelled }));
    expect(outcome).toMatchObject({
      kind: 'measured',
      evaluation: { accuracy: null, noiseAccuracy: null, paired: null, dataset: { rows: 40, labelled: 0 } },
    });
  });

  it.each<[string, () => Digest, RegExp]>([
    ['a truncated file', () => artifacts.add(buildOnnx().subarray(0, 60)), /cannot load it/],
    ['a file that is no model', () => artifacts.add(Buffer.from('not a model at all')), /cannot load it/],
    [
      'a custom operator',
      () => artifacts.add(buildOnnx({ operator: 'Evil', domain: 'evil.corp', opsetDomains: ['', 'evil.corp'] })),
      /cannot load it/,
    ],
    [
      'another input name',
      () => artifacts.add(buildOnnx({ inputs: [{ name: 'z', shape: [-1, 4] }] })),
      /its input is called "z", "x" is expected/,
    ],
    [
      'another input shape',
      () =>
        artifacts.add(buildOnnx({ inputs: [{ name: 'x', shape: [-1, 5] }], outputs: [{ name: 'y', shape: [-1, 5] }] })),
      /its input has the shape \[N, 5\], \[-1, 4\] is expected/,
    ],
    [
      'a fixed batch',
      () =>
        artifacts.add(buildOnnx({ inputs: [{ name: 'x', shape: [1, 4] }], outputs: [{ name: 'y', shape: [1, 4] }] })),
      /\[1, 4\], \[-1, 4\] is expected/,
    ],
    ['answers that are not finite', () => fixture('not-finite.onnx'), /not finite/],
  ])('refuses %s', async (_name, make, reason) => {
    const outcome = await evaluator().evaluate(request(make()));
    expect(outcome).toEqual({ kind: 'refused', reasons: [expect.stringMatching(reason)] });
  });

  it('refuses one that wants more memory than there is to have', async () => {
    const outcome = await evaluator().evaluate(request(fixture('huge.onnx')));
    expect(outcome).toEqual({
      kind: 'refused',
      reasons: [expect.stringMatching(/more than 600 MB of memory|cannot be run/)],
    });
  });

  it('refuses one that never ends', async () => {
    const outcome = await evaluator({ wallSeconds: 4 }).evaluate(request(fixture('endless.onnx')));
    expect(outcome).toEqual({
      kind: 'refused',
      reasons: [expect.stringMatching(/did not end within 4 s \(at the stage "score"\)/)],
    });
  });

  it.each<[string, () => Partial<EvaluationRequest>, RegExp]>([
    ['a held-out file that is missing', () => ({ holdout: `sha256:${'0'.repeat(64)}` }), /no artifact/],
    ['a held-out file that is no table', () => ({ holdout: reference }), /could not be evaluated/],
    [
      'rows of another width',
      () => ({ holdout: artifacts.add(holdoutFile(40, { width: 6 })) }),
      /has 6 numbers, the model takes 4/,
    ],
    [
      'a reference that does not load',
      () => ({ versions: { candidate: reference, champion: reference, reference: artifacts.add(Buffer.from('x')) } }),
      /the reference is unusable/,
    ],
  ])('does not blame the candidate for %s', async (_name, over, reason) => {
    const evaluation = evaluator().evaluate(request(reference, over()));
    await expect(evaluation).rejects.toThrow(EvaluationUnavailable);
    await expect(evaluation).rejects.toThrow(reason);
  });

  it('an evaluation whose parent was killed ends by itself, even inside a model that never returns', async () => {
    const task = join(folder, 'task.json');
    const endless = await artifacts.verifiedPath(fixture('endless.onnx'));
    const script = `const { spawn } = require('node:child_process');
      const fs = require('node:fs');
      const task = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
      fs.writeFileSync(process.argv[2], JSON.stringify({ ...task, parentPid: process.pid }));
      const child = spawn(process.execPath, ['--no-warnings', process.argv[1], process.argv[2]], { stdio: ['ignore', 'pipe', 'ignore'] });
      child.stdout.on('data', (text) => String(text).includes('"score"') && (console.log(child.pid), process.kill(process.pid, 'SIGKILL')));`;
    const body = {
      ...{ model: request(reference).model, versions: { candidate: endless, reference: endless, champion: endless } },
      ...{
        holdout: await artifacts.verifiedPath(holdout),
        seed: 1,
        rounds: 30,
        calls: 1,
        maxRows: 10,
        noise: 0.1,
        wallSeconds: 60,
      },
    };
    writeFileSync(task, JSON.stringify(body));
    const child = resolve(import.meta.dirname, 'evaluation-child.ts');
    const parent = spawn(process.execPath, ['-e', script, child, task], { stdio: ['ignore', 'pipe', 'ignore'] });
    const pid = await new Promise<number>((done) =>
      parent.stdout.once('data', (text: Buffer) => done(Number(String(text)))),
    );
    for (let i = 0; i < 100 && existsSync(`/proc/${pid}`); i += 1) await pause(50);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});
