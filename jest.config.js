import { existsSync } from 'node:fs';

export default {
  testEnvironment: 'node',
  roots: ['src', 'test', 'demo'].filter((folder) => existsSync(folder)).map((folder) => `<rootDir>/${folder}`),
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  cacheDirectory: '<rootDir>/.runtime/jest',
  coverageProvider: 'v8',
  testTimeout: 60_000,
};
