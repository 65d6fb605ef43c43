import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { type Fault, InvalidInput } from '../../../kernel/index.js';
import { parseModelDocument } from './parse-model-document.js';

const EXAMPLES = join(import.meta.dirname, '../../../../examples');
const DIGEST = `sha256:${'a'.repeat(64)}`;

function document(
  change: (spec: Record<string, unknown>) => void = () => {},
  name = 'digits',
): Record<string, unknown> {
  const spec = {
    task: { kind: 'classification', classes: 10 },
    input: { name: 'image', shape: [-1, 1, 28, 28] },
    output: { name: 'scores', shape: [-1, 10] },
    reference: { digest: DIGEST },
  };
  change(spec);
  return { apiVersion: 'ratchet.dev/v1alpha1', kind: 'Model', metadata: { name }, spec };
}

function faultsOf(input: unknown, expectedName?: string): readonly Fault[] {
  try {
    parseModelDocument(input, expectedName);
    return [];
  } catch (error) {
    if (error instanceof InvalidInput) return error.faults;
    throw error;
  }
}

const gates = [{ kind: 'error-ratio', max: 0.01 }];

describe('a model document', () => {
  it('needs no more than task, tensors and reference', () => {
    const { name, spec } = parseModelDocument(document());
    expect(name).toBe('digits');
    expect(spec.experiment.margin).toBe(spec.objectives.qualityBudget.maxLoss);
    expect(spec.rollout.steps.map((step) => step.weight)).toEqual([5, 25, 50]);
    expect(spec.promotion.approval).toBe('auto');
  });

  it('takes the whole quality budget as margin when none is given', () => {
    const { spec } = parseModelDocument(document((s) => (s['objectives'] = { qualityBudget: { maxLoss: 0.003 } })));
    expect(spec.experiment.margin).toBe(0.003);
  });

  it.each(globSync('*/model.yaml', { cwd: EXAMPLES }))('of examples/%s is right', (file) => {
    const { spec, ...rest } = parse(readFileSync(join(EXAMPLES, file), 'utf8')) as { spec: { reference: object } };
    const { artifact: _, ...reference } = spec.reference as { artifact: string };
    expect(faultsOf({ ...rest, spec: { ...spec, reference: { ...reference, digest: DIGEST } } })).toEqual([]);
  });

  it('with five faults reports five, each with its path', () => {
    const faults = faultsOf(
      document((spec) => {
        spec['input'] = { name: 'image', shape: [1, 1, 28, 28] };
        spec['objectives'] = { qualityBudget: { maxLoss: 0.01 }, maxSizeRatio: 3 };
        spec['experiment'] = { margin: 0.02 };
        spec['rollout'] = {
          steps: [
            { weight: 50, gates },
            { weight: 25, gates },
          ],
        };
        spec['telemtry'] = {};
      }),
    );
    expect(faults.map((fault) => fault.path).sort()).toEqual([
      'spec',
      'spec.experiment.margin',
      'spec.input.shape.0',
      'spec.objectives.maxSizeRatio',
      'spec.rollout.steps.1.weight',
    ]);
    expect(faults.find((fault) => fault.path === 'spec')?.message).toContain('telemtry');
  });

  it.each<[string, (spec: Record<string, unknown>) => void, string]>([
    ['a free dimension after the batch', (s) => (s['input'] = { name: 'x', shape: [-1, -1] }), 'spec.input.shape.1'],
    ['scores for another number of classes', (s) => (s['output'] = { name: 'y', shape: [-1, 9] }), 'spec.output.shape'],
    ['a reference that is no digest', (s) => (s['reference'] = { digest: 'latest' }), 'spec.reference.digest'],
    ['a reference by path', (s) => (s['reference'] = { digest: DIGEST, artifact: 'm.onnx' }), 'spec.reference'],
    [
      'quiet hours of no length',
      (s) => (s['triggers'] = { quietHours: [{ from: '06:00', until: '06:00' }] }),
      'spec.triggers.quietHours.0.until',
    ],
    [
      'a burn rate whose long window is the shorter one',
      (s) => (s['monitors'] = { burnRates: [{ longSeconds: 60, shortSeconds: 300, factor: 2 }] }),
      'spec.monitors.burnRates.0.longSeconds',
    ],
    ['an unknown task', (s) => (s['task'] = { kind: 'poetry' }), 'spec.task.kind'],
    [
      'a step of all traffic',
      (s) => (s['rollout'] = { steps: [{ weight: 100, gates }] }),
      'spec.rollout.steps.0.weight',
    ],
    [
      'a step without gates',
      (s) => (s['rollout'] = { steps: [{ weight: 10, gates: [] }] }),
      'spec.rollout.steps.0.gates',
    ],
    [
      'an unknown gate',
      (s) => (s['rollout'] = { steps: [{ weight: 9, gates: [{ kind: 'mood' }] }] }),
      'spec.rollout.steps.0.gates.0.kind',
    ],
    [
      'two gates of one name in a step',
      (s) => (s['rollout'] = { steps: [{ weight: 9, gates: [...gates, ...gates] }] }),
      'spec.rollout.steps.0.gates.1.name',
    ],
    [
      'a gate of a step that is named like one in the background',
      (s) => (s['rollout'] = { steps: [{ weight: 9, gates }], background: gates }),
      'spec.rollout.steps.0.gates.0.name',
    ],
    [
      'a query without a bound',
      (s) => (s['rollout'] = { steps: [{ weight: 9, gates: [{ kind: 'promql', query: 'up' }] }] }),
      'spec.rollout.steps.0.gates.0.max',
    ],
    [
      'a query whose bounds leave nothing',
      (s) => (s['rollout'] = { steps: [{ weight: 9, gates: [{ kind: 'promql', query: 'up', min: 2, max: 1 }] }] }),
      'spec.rollout.steps.0.gates.0.min',
    ],
    [
      'a window longer than the samples',
      (s) => (s['telemetry'] = { windowSeconds: 90, sampleSeconds: 60 }),
      'spec.telemetry.sampleSeconds',
    ],
    ['no finite number', (s) => (s['jobs'] = { wallSeconds: Infinity }), 'spec.jobs.wallSeconds'],
  ])('refuses %s', (_, change, path) => {
    expect(faultsOf(document(change)).map((fault) => fault.path)).toEqual([path]);
  });

  it.each(['', 'Digits', 'a_b', '-a', 'a'.repeat(64)])('refuses the name "%s"', (name) => {
    expect(faultsOf(document(undefined, name)).map((fault) => fault.path)).toEqual(['metadata.name']);
  });

  it('refuses to be applied under another name', () => {
    expect(faultsOf(document(), 'letters').map((fault) => fault.path)).toEqual(['metadata.name']);
  });

  it.each([null, 7, 'text', []])('refuses %j', (input) => {
    expect(faultsOf(input)).toHaveLength(1);
  });
});
