import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { type Fault, InvalidInput } from '../../kernel/index.js';

type IssuePath = readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;

/** Faults out of validation issues; each issue keeps its own path. */
export function toFaults(issues: readonly { readonly message: string; readonly path?: IssuePath }[]): Fault[] {
  return issues.map((issue) => ({ path: dotted(issue.path), message: issue.message }));
}

/** Parses with a zod schema. @throws InvalidInput with every fault */
export function parseWith<Schema extends z.ZodType>(schema: Schema, what: string, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new InvalidInput(what, toFaults(parsed.error.issues));
  return parsed.data;
}

/** Validates `@Body({ schema })`, `@Query({ schema })` and `@Param(…, { schema })`. */
export function validationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => new InvalidInput('The request', toFaults(issues)),
  });
}

function dotted(path: IssuePath): string {
  return (path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.');
}
