import { z } from 'zod';
import { settingsGroup } from '../platform/config/index.js';

export const modelsSettings = settingsGroup(
  'models',
  z.object({
    artifactFolder: z
      .string()
      .min(1)
      .default('.ratchet/artifacts')
      .describe('Folder of the content-addressed artifacts.'),
    artifactBytes: z.coerce
      .number()
      .int()
      .min(1024)
      .max(2 * 1024 ** 3 - 1)
      .default(512 * 1024 ** 2)
      .describe('Largest artifact in bytes; protobuf itself ends below 2 GiB.'),
  }),
);
