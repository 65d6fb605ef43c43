export * from './builders.js';
export * from './fakes.js';
export * from './onnx-builder.js';
export * from './stored-artifacts.js';
