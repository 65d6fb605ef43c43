export * from './builders.js';
export * from './fakes.js';
export * from './onnx-model.js';
