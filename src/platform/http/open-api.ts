import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Role, ROLES } from '../../kernel/index.js';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** The OpenAPI document of every route, from the zod schemas; the same for the same code, so that it can be committed. */
export function buildOpenApi(app: NestFastifyApplication): OpenAPIObject {
  const options = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Ratchet')
    .setDescription(
      'Keeps served models as small and as fast as their quality allows. Errors are RFC 9457 problems; `x-ratchet-role` is the role a route needs (viewer < operator < approver < admin), or `attempt`: the token of that attempt.',
    )
    .setVersion('v1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API token, `rt_<id>_<secret>`.' }, 'token')
    .addBearerAuth(
      {
        type: 'http',
        scheme: 'bearer',
        description: 'The token of one attempt, `ra_<secret>`; it opens nothing else.',
      },
      'attempt',
    )
    .build();
  const document = SwaggerModule.createDocument(app, options, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  return withIdempotencyKeys(withProblemResponses(document));
}

/** The page at /docs and the document at /api/v1/openapi.json; call it after `buildOpenApi`, before listening. */
export function serveDocs(app: NestFastifyApplication, document: OpenAPIObject): void {
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'api/v1/openapi.json',
    yamlDocumentUrl: 'api/v1/openapi.yaml',
    customSiteTitle: 'Ratchet API',
  });
}

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'retryable'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    code: { type: 'string' },
    retryable: { type: 'boolean' },
    faults: {
      type: 'array',
      items: { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } } },
    },
  },
};

/** Every operation may answer a problem; said once as its default response. */
function withProblemResponses(document: OpenAPIObject): OpenAPIObject {
  const problem = {
    description: 'A problem (RFC 9457).',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path) as { responses?: Record<string, unknown> }[]) {
      if (operation.responses) operation.responses['default'] = problem;
    }
  }
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: PROBLEM },
  };
  return document;
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key and request again within 24 hours get the first answer again, and change nothing.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/** Every POST that somebody with a role may call takes a key, unless it says that it does not. */
function withIdempotencyKeys(document: OpenAPIObject): OpenAPIObject {
  for (const path of Object.values(document.paths)) {
    const operation = path.post as Record<string, unknown> | undefined;
    const role = operation?.['x-ratchet-role'];
    if (operation === undefined || !ROLES.includes(role as Role) || operation['x-ratchet-secret-answer'] === true)
      continue;
    operation['parameters'] = [...((operation['parameters'] as unknown[] | undefined) ?? []), IDEMPOTENCY_KEY];
  }
  return document;
}
