import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { ContractMismatch, CustomOperatorRefused, ExternalDataRefused, NotAnOnnxModel } from '../../domain/errors.js';
import type { ModelSpec, TensorContract } from '../../domain/model.js';
import { ModelAdmission } from '../../ports.js';
import { type OnnxModel, type OnnxValue, readOnnxModel } from './onnx-model.js';
import { MalformedMessage } from './protobuf-reader.js';

/** Operator sets that come with ONNX Runtime; anything else would need a library that we do not load. */
const ALLOWED_DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft']);

/** Bits an element takes in raw_data, by TensorProto.DataType; strings and types that came later are not checked. */
const ELEMENT_BITS: Readonly<Record<number, number>> = {
  1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
  17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4,
}; // prettier-ignore

const FLOAT = 1;

/** Reads the file itself: nothing of it is loaded by ONNX Runtime before it passed. */
@Injectable()
export class OnnxModelAdmission extends ModelAdmission {
  override async check(path: string, contract: Pick<ModelSpec, 'input' | 'output'>): Promise<{ sizeBytes: number }> {
    const file = await readFile(path);
    admit(file, contract);
    return { sizeBytes: file.length };
  }
}

/** The checks on a file's bytes. */
export function admit(file: Uint8Array, contract: Pick<ModelSpec, 'input' | 'output'>): void {
  const model = decode(file);
  refuseExternalData(model);
  refuseCustomOperators(model);
  refuseBrokenTensors(model);
  refuseOtherContract('input', model.inputs, contract.input);
  refuseOtherContract('output', model.outputs, contract.output);
}

function decode(file: Uint8Array): OnnxModel {
  if (file.length === 0) throw new NotAnOnnxModel('it is empty');
  try {
    return readOnnxModel(file);
  } catch (error) {
    if (error instanceof MalformedMessage) throw new NotAnOnnxModel(error.message);
    throw error;
  }
}

function refuseExternalData(model: OnnxModel): void {
  for (const { name, externalLocation } of model.tensors) {
    if (externalLocation !== null) throw new ExternalDataRefused(name, externalLocation);
  }
}

/**
 * A function that the file defines itself is no custom operator: it is made of nodes that are checked like all others.
 * Operator sets that are imported and not used do no harm; ONNX Runtime lists all it knows in the models that it saves.
 */
function refuseCustomOperators(model: OnnxModel): void {
  const own = new Set(model.functions.map(({ domain, operator }) => `${domain}\n${operator}`));
  for (const { domain, operator } of model.nodes) {
    if (!ALLOWED_DOMAINS.has(domain) && !own.has(`${domain}\n${operator}`)) {
      throw new CustomOperatorRefused(domain, operator);
    }
  }
}

function refuseBrokenTensors(model: OnnxModel): void {
  for (const { name, dims, dataType, rawBytes } of model.tensors) {
    const bits = ELEMENT_BITS[dataType];
    if (rawBytes === null || bits === undefined) continue;
    const elements = dims.reduce((product, dim) => product * dim, 1);
    const expected = Math.ceil((elements * bits) / 8);
    if (expected !== rawBytes) {
      throw new NotAnOnnxModel(`the tensor "${name}" has ${rawBytes} bytes where its shape needs ${expected}`);
    }
  }
}

function refuseOtherContract(side: 'input' | 'output', values: readonly OnnxValue[], wanted: TensorContract): void {
  const differences =
    values.length === 1 && values[0] !== undefined
      ? differencesOf(values[0], wanted)
      : [
          `it has ${values.length} ${side}s (${values.map(({ name }) => `"${name}"`).join(', ')}) where one is expected`,
        ];
  if (differences.length > 0) throw new ContractMismatch(side, differences);
}

function differencesOf(value: OnnxValue, wanted: TensorContract): string[] {
  const differences: string[] = [];
  if (value.name !== wanted.name) differences.push(`its name is "${value.name}" instead of "${wanted.name}"`);
  if (value.elementType !== FLOAT)
    differences.push(`its element type is ${value.elementType ?? 'none'} instead of FP32`);
  if (value.shape === null) differences.push('it states no shape');
  else if (value.shape.length !== wanted.shape.length || value.shape.some((dim, i) => dim !== wanted.shape[i])) {
    differences.push(`its shape is [${value.shape.join(', ')}] instead of [${wanted.shape.join(', ')}]`);
  }
  return differences;
}
