import { z } from 'zod';

/** Values that several parts of a model document have. */
export const fraction = z.number().min(0).max(1);
export const seconds = z
  .number()
  .positive()
  .max(366 * 86_400);
export const count = z.int().min(1).max(1_000_000_000);

export const kubernetesName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a Kubernetes name: lower-case letters, digits, "-" and "."');
