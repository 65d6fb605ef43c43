import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RatchetError } from '../../../kernel/index.js';
import { ContractMismatch, CustomOperatorRefused, ExternalDataRefused, NotAnOnnxModel } from '../../domain/errors.js';
import { buildOnnx, type OnnxDescription } from '../../testing/onnx-builder.js';
import { admit } from './model-admission.js';

const contract = {
  input: { name: 'x', datatype: 'FP32', shape: [-1, 4] },
  output: { name: 'y', datatype: 'FP32', shape: [-1, 4] },
} as const;

describe('admission of a model file', () => {
  it.each<[string, OnnxDescription]>([
    ['a whole model', {}],
    ['operator sets that are imported and not used', { opsetDomains: ['', 'ai.onnx.training', 'evil.corp'] }],
    ['operators of ONNX Runtime’s own set', { domain: 'com.microsoft', opsetDomains: ['', 'com.microsoft'] }],
    [
      'functions that the file defines itself',
      {
        operator: 'MyRelu',
        domain: 'mine',
        opsetDomains: ['', 'mine'],
        functions: [{ operator: 'MyRelu', domain: 'mine' }],
      },
    ],
  ])('takes %s', (_, description) => {
    expect(() => admit(buildOnnx(description), contract)).not.toThrow();
  });

  it.each<[string, OnnxDescription, new (...parameters: never[]) => RatchetError, RegExp]>([
    ['external data', { externalLocation: '../weights.bin' }, ExternalDataRefused, /"w".*"\.\.\/weights\.bin"/],
    ['external data in a subgraph', { hiddenExternalLocation: 'w.bin' }, ExternalDataRefused, /"w\.bin"/],
    ['a custom operator', { operator: 'Evil', domain: 'evil.corp' }, CustomOperatorRefused, /"Evil".*"evil\.corp"/],
    [
      'an undefined function of a domain that has another one',
      { operator: 'Evil', domain: 'mine', functions: [{ operator: 'Good', domain: 'mine' }] },
      CustomOperatorRefused,
      /"Evil"/,
    ],
    [
      'another input shape',
      { inputs: [{ name: 'x', shape: [-1, 5] }] },
      ContractMismatch,
      /\[-1, 5\] instead of \[-1, 4\]/,
    ],
    ['a fixed batch', { inputs: [{ name: 'x', shape: [1, 4] }] }, ContractMismatch, /\[1, 4\] instead of/],
    ['another input name', { inputs: [{ name: 'image', shape: [-1, 4] }] }, ContractMismatch, /"image" instead of "x"/],
    ['another type', { inputs: [{ name: 'x', elementType: 11, shape: [-1, 4] }] }, ContractMismatch, /type is 11/],
    ['no output shape', { outputs: [{ name: 'y', shape: null }] }, ContractMismatch, /output.*no shape/],
    [
      'a second output',
      {
        outputs: [
          { name: 'y', shape: [-1, 4] },
          { name: 'z', shape: [-1] },
        ],
      },
      ContractMismatch,
      /2 outputs \("y", "z"\)/,
    ],
    ['no operator set', { opsetDomains: [] }, NotAnOnnxModel, /no operator set/],
    [
      'a tensor with missing bytes',
      { brokenTensorDims: [1000, 1000] },
      NotAnOnnxModel,
      /4 bytes where its shape needs 4000000/,
    ],
  ])('refuses %s', (_, description, error, message) => {
    const check = () => admit(buildOnnx(description), contract);
    expect(check).toThrow(error);
    expect(check).toThrow(message);
  });

  it('refuses a file that is cut off, wherever it is cut', () => {
    const whole = buildOnnx();
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => admit(whole.subarray(0, length), contract)).toThrow(NotAnOnnxModel);
    }
  });

  it('answers any bytes with one of its own errors', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(() => admit(bytes, contract)).toThrow(RatchetError);
      }),
    );
  });

  it('answers any change of a whole model with admission or one of its own errors', () => {
    const whole = buildOnnx();
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = Uint8Array.from(whole);
        changed[at] = byte;
        try {
          admit(changed, contract);
        } catch (error) {
          expect(error).toBeInstanceOf(RatchetError);
        }
      }),
    );
  });
});
