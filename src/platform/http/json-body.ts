import type { FastifyBodyParser } from 'fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RouteBodyConfig } from './decorators.js';
import { NestedTooDeep, StreamTooLarge, UnknownMediaType } from './errors.js';

/** Deeper than any document of ours; what is nested deeper wants to exhaust the stack of whoever walks it. */
const MAX_DEPTH = 64;
const JSON_TYPES = /^application\/([\w.-]+\+)?json\b/;

/**
 * JSON in all its media types (CloudEvents too), `__proto__` refused; raw streams for octet-stream. A route's
 * `@BodyLimit` beats `defaultBytes`.
 */
export function useBodyParsers(app: NestFastifyApplication, defaultBytes: number): void {
  const instance = app.getHttpAdapter().getInstance();
  const parse = instance.getDefaultJsonParser('error', 'error');
  const decode: FastifyBodyParser<Buffer> = (request, body, done) => {
    const config = request.routeOptions.config as RouteBodyConfig;
    if (config.rawBody === true) done(null, body);
    else if (config.textBody === true) done(null, body.toString('utf8'));
    else if (depth(body) > MAX_DEPTH) done(new NestedTooDeep(MAX_DEPTH));
    else void parse(request, body.toString('utf8'), done);
  };
  // The plain type by its name too: Fastify has a parser of its own under it, which a pattern does not replace.
  app.useBodyParser('application/json', { bodyLimit: defaultBytes }, decode);
  app.useBodyParser(JSON_TYPES, { bodyLimit: defaultBytes }, decode);
  instance.addContentTypeParser('application/octet-stream', (request, payload, done) => {
    const { rawBody, bodyLimit = defaultBytes } = request.routeOptions.config as RouteBodyConfig;
    if (rawBody !== true) done(null, payload);
    else gather(payload, bodyLimit).then((body) => done(null, body), done);
  });
  // Whatever has no parser of its own: taken only by routes that look at the bytes themselves.
  instance.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    const { rawBody } = request.routeOptions.config as RouteBodyConfig;
    if (rawBody === true) done(null, body);
    else done(new UnknownMediaType(request.headers['content-type']));
  });
  instance.addHook('onRoute', (route) => {
    const { bodyLimit } = (route.config ?? {}) as RouteBodyConfig;
    if (bodyLimit !== undefined) route.bodyLimit = bodyLimit;
  });
}

async function gather(stream: AsyncIterable<Buffer>, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > limit) throw new StreamTooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Deepest nesting of brackets outside strings, without decoding anything. */
export function depth(json: Buffer): number {
  let level = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === 0x5c && inString) at += 1;
    else if (byte === 0x22) inString = !inString;
    else if (inString) continue;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++level);
    else if (byte === 0x5d || byte === 0x7d) level -= 1;
  }
  return deepest;
}
