import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { parse } from 'yaml';
import { OPEN_INFERENCE } from '../src/telemetry/adapters/seldon/messages.js';
import { NATIVE_TYPES } from '../src/telemetry/domain/cloud-event.js';
import { decodeEvent } from '../src/telemetry/domain/decode-event.js';
import { BAD_CLASSES } from '../src/telemetry/domain/event.js';

const ROOT = join(import.meta.dirname, '..');
const SCHEMAS = join(ROOT, 'schemas/telemetry');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)));
for (const name of readdirSync(SCHEMAS).filter((file) => file.endsWith('.schema.json'))) {
  ajv.addSchema(JSON.parse(read(`schemas/telemetry/${name}`)) as object);
}
const schemaOf = (name: string): ValidateFunction => {
  const validate = ajv.getSchema(`https://ratchet.dev/schemas/telemetry/${name}.schema.json`);
  if (validate === undefined) throw new Error(`There is no schema ${name}.`);
  return validate;
};

const version = `sha256:${'a'.repeat(64)}`;
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((one) => one.length <= 256);
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const time = fc.oneof(
  fc.date({ min: new Date(0), max: new Date('9999-12-30'), noInvalidDate: true }).map((date) => date.toISOString()),
  fc.integer({ min: 0, max: 4e12 }),
);
const output = fc.oneof(fc.array(number, { minLength: 1, maxLength: 5 }), text);
const optional = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> =>
  fc.oneof({ weight: 3, arbitrary: one }, fc.constant(null), fc.constant(undefined));
const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const answered = fc.record({
  ...{
    schema: fc.constant('ratchet.dev/inference/v1'),
    requestId: text,
    model: text,
    version: fc.constant(version),
    at: time,
  },
  ...{
    arm: optional(fc.constantFrom('stable', 'candidate')),
    latencyMs: optional(fc.double({ min: 0, max: 8e7, noNaN: true })),
  },
  features: optional(
    fc.dictionary(
      text.filter((name) => name !== '__proto__'),
      number,
      { maxKeys: 6 },
    ),
  ),
  ...{ prediction: number, confidence: optional(fc.double({ min: 0, max: 1, noNaN: true })), output: optional(output) },
  shadow: optional(
    fc.record({ version: fc.constant(version), prediction: optional(number), output: optional(output) }),
  ),
  input: optional(
    fc.oneof(
      fc.array(float, { minLength: 1, maxLength: 6 }),
      fc
        .float32Array({ minLength: 1, maxLength: 6, noNaN: true, noDefaultInfinity: true })
        .map((row) => Buffer.from(row.buffer).toString('base64')),
    ),
  ),
  sample: optional(fc.boolean()),
  extra: fc.jsonValue({ maxDepth: 1 }),
});
const EVENTS: Readonly<Record<string, fc.Arbitrary<object>>> = {
  inference: fc.oneof(
    answered,
    fc.tuple(answered, text).map(([event, error]) => ({ ...event, error, prediction: null, output: undefined })),
  ),
  label: fc.record({ schema: fc.constant('ratchet.dev/label/v1'), requestId: text, model: text, label: number }),
  served: fc.record({
    ...{
      schema: fc.constant('ratchet.dev/served/v1'),
      model: text,
      version: fc.constant(version),
      at: time,
      source: text,
    },
    ...{ seconds: fc.double({ min: 0, max: 86_400, noNaN: true }), requests: fc.integer({ min: 0, max: 1e12 }) },
  }),
};

/** One field, or one inside a field, in the place of which something else stands, or nothing. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    '',
    'x',
    '\0',
    '\ud800',
    -1,
    0,
    0.5,
    2,
    1e15,
    1e308,
    true,
    [],
    {},
    ['x'],
    [null],
  ),
  fc.constantFrom<unknown>(
    'x'.repeat(257),
    version.toUpperCase(),
    `${version}a`,
    '2026-01-01',
    '2026-01-01T00:00:00',
    'AAAA',
  ),
);

describe.each(Object.entries(EVENTS))('the JSON Schema of %s events', (name, arbitrary) => {
  const validate = schemaOf(name);
  const agree = (value: unknown): void => {
    // As it is sent: what JSON cannot say is not there.
    const sent = JSON.parse(JSON.stringify(value)) as unknown;
    const decoded = decodeEvent(sent);
    expect({ sent, accepts: 'ok' in decoded, because: 'bad' in decoded ? decoded.bad : null }).toMatchObject({
      accepts: validate(sent),
    });
  };

  it('takes every event that the decoder takes', () => {
    fc.assert(
      fc.property(arbitrary, (event) => {
        const sent = JSON.parse(JSON.stringify(event)) as unknown;
        expect([validate(sent), validate.errors]).toEqual([true, null]);
        agree(event);
      }),
      { numRuns: 500, seed: 5 },
    );
  });

  it('and the decoder agree about events in which something is wrong', () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(100), odd, (event, at, replacement) => {
        const names = Object.keys(event).filter((field) => field !== 'schema');
        agree({ ...event, [names[at % names.length] ?? '']: replacement });
      }),
      { numRuns: 2000, seed: 6 },
    );
    fc.assert(
      fc.property(
        arbitrary,
        fc.constantFrom('features', 'shadow', 'input'),
        fc.constantFrom('mean', 'version', 'prediction', '__proto__', '0'),
        odd,
        (event, field, inner, replacement) => {
          const outer = field === 'input' ? [1, 2] : { version };
          agree({ ...event, [field]: Object.defineProperty(outer, inner, { value: replacement, enumerable: true }) });
        },
      ),
      { numRuns: 1000, seed: 7 },
    );
  });
});

describe('docs/asyncapi.yaml', () => {
  const document = parse(read('docs/asyncapi.yaml')) as Record<string, never>;

  it('is AsyncAPI 3', () => {
    const require = createRequire(import.meta.url);
    const specs = require('@asyncapi/specs') as { schemas: Record<string, object> };
    const validate = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false }).compile(
      specs.schemas['3.0.0'] ?? {},
    );
    expect([validate(document), validate.errors]).toEqual([true, null]);
  });

  it('refers only to what is there', () => {
    const references = [...read('docs/asyncapi.yaml').matchAll(/\$ref: '([^']+)'/g)].map(([, target = '']) => target);
    expect(references.length).toBeGreaterThan(30);
    for (const target of references) {
      if (!target.startsWith('#/')) expect(read(join('docs', target)).length).toBeGreaterThan(0);
      else expect([target, follow(document, target.slice(2).split('/'))]).not.toEqual([target, undefined]);
    }
  });

  it('names the types, classes and topics of the program', () => {
    const { messages, schemas } = document['components'] as unknown as Record<string, unknown>;
    expect(follow(messages, ['nativeCloudEvent', 'headers', 'properties', 'ce_type', 'enum'])).toEqual(
      Object.keys(NATIVE_TYPES),
    );
    expect(follow(schemas, ['deadLetter', 'properties', 'reason', 'properties', 'class', 'enum'])).toEqual([
      ...BAD_CLASSES,
    ]);
    const defaults = read('docs/configuration.md');
    for (const topic of ['ratchet.inference', 'ratchet.labels', 'ratchet.cloudevents'])
      expect(defaults).toContain(`\`${topic}\``);
  });
});

it('schemas/telemetry/open-inference.proto says what is read from the topics of Seldon', () => {
  const written = protobuf.parse(read('schemas/telemetry/open-inference.proto'), { keepCase: false }).root;
  const used = protobuf.Root.fromJSON(OPEN_INFERENCE);
  const types = [
    'InferTensorContents',
    'ModelInferRequest',
    'ModelInferRequest.InferInputTensor',
    'ModelInferResponse',
    'ModelInferResponse.InferOutputTensor',
  ];
  for (const name of types) {
    const fields = (root: protobuf.Root) =>
      root
        .lookupType(`inference.${name}`)
        .fieldsArray.map((field) => [field.name, field.id, field.type, field.repeated]);
    expect([name, fields(used)]).toEqual([name, fields(written)]);
  }
});

function follow(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value);
}
