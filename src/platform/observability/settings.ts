import { z } from 'zod';
import { settingsGroup } from '../config/index.js';

export const observabilitySettings = settingsGroup(
  'log',
  z.object({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .describe('Least severe log line that is written to standard error.'),
  }),
);
