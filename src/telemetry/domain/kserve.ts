import { isDigest, type Digest } from '../../kernel/index.js';
import type { Arm } from '../../serving/index.js';
import type { CloudEnvelope } from './cloud-event-envelope.js';
import { isPlainText } from './decode-event.js';
import { type Decoded, type HalfEvent, type HalfSide, bad } from './event.js';
import { readInferenceBody } from './open-inference.js';

/** CloudEvents types of KServe's inference logger. */
export const KSERVE_REQUEST = 'org.kubeflow.serving.inference.request';
export const KSERVE_RESPONSE = 'org.kubeflow.serving.inference.response';

/** Largest body of one half. */
export const MAX_HALF_BYTES = 4 * 1024 * 1024;
/** Ids are asked to leave room for `/<row>` behind them. */
const MAX_ID = 240;

/** Which of our models an inference service is: keys are `namespace/name/endpoint`, `namespace/name` or `name`. */
export type ServiceMap = ReadonlyMap<string, string>;

/** Names in an event's `annotations` by which an inference service says itself which model and version it serves. */
const MODEL_ANNOTATION = 'ratchet.dev/model';
const VERSION_ANNOTATION = 'ratchet.dev/version';

/**
 * One event of KServe's logger as a half. Both events of an inference have the same `ce-id`. The content type is not
 * looked at: response events carry the request's. Total: never throws.
 */
export function kserveHalf(
  envelope: CloudEnvelope,
  side: HalfSide,
  receivedAt: Date,
  services: ServiceMap,
): Decoded<HalfEvent> {
  if (!isPlainText(envelope.id) || envelope.id.length > MAX_ID) {
    return bad('field', `id must be a text of 1 to ${MAX_ID} characters without NUL`);
  }
  const names = namesOf(envelope);
  const model = modelOf(names, envelope.extensions['ratchetmodel'], services);
  if (model === null) return bad('field', 'says no model: inferenceservicename is missing');
  const metadata = textMap(envelope.extensions['metadata']);
  const length = envelope.inferenceHeaderLength ?? metadata.get('inference-header-content-length') ?? null;
  const body = readInferenceBody(envelope.data, side === 'request' ? 'inputs' : 'outputs', MAX_HALF_BYTES, length);
  if ('bad' in body) return body;
  const { tensors, error, modelVersion } = body.ok;
  const half = { kind: 'half', id: envelope.id, side, model, arm: armOf(names.endpoint), receivedAt } as const;
  const version = digestAmong(envelope.extensions['ratchetversion'], names.annotatedVersion, modelVersion);
  return { ok: { ...half, version, atMs: envelope.timeMs, tensors, error } };
}

interface Names {
  readonly namespace: string;
  readonly service: string;
  readonly endpoint: string;
  readonly annotatedModel: string | undefined;
  readonly annotatedVersion: string | undefined;
}

function namesOf({ extensions }: CloudEnvelope): Names {
  const annotations = textMap(extensions['annotations']);
  return {
    namespace: extensions['namespace'] ?? '',
    service: extensions['inferenceservicename'] ?? '',
    endpoint: extensions['endpoint'] ?? '',
    annotatedModel: annotations.get(MODEL_ANNOTATION),
    annotatedVersion: annotations.get(VERSION_ANNOTATION),
  };
}

/**
 * The path that the event was posted to, the service's own annotation, the operator's list (most exact entry first), and
 * else the service's name.
 */
function modelOf(names: Names, path: string | undefined, services: ServiceMap): string | null {
  const { namespace, service, endpoint, annotatedModel } = names;
  const listed =
    services.get(`${namespace}/${service}/${endpoint === '' ? 'default' : endpoint}`) ??
    services.get(`${namespace}/${service}`) ??
    services.get(service);
  const model = path ?? annotatedModel ?? listed ?? service;
  return isPlainText(model) ? model : null;
}

function armOf(endpoint: string): Arm {
  return endpoint === 'canary' ? 'candidate' : 'stable';
}

function digestAmong(...candidates: readonly (string | null | undefined)[]): Digest | null {
  return candidates.find((text): text is Digest => typeof text === 'string' && isDigest(text)) ?? null;
}

/** A JSON object of texts (or of lists of texts, as HTTP headers are kept) with lower-case names; empty when it is none. */
function textMap(text: string | undefined): ReadonlyMap<string, string> {
  if (text === undefined || text === '') return new Map();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return new Map();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map();
  const pairs = Object.entries(value).map(([name, one]): [string, unknown] => [
    name.toLowerCase(),
    Array.isArray(one) ? (one as unknown[])[0] : one,
  ]);
  return new Map(pairs.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

/** Reads the operator's list: `namespace/name[/endpoint]=model`, comma separated. Returns what is wrong with it, if anything. */
export function parseServiceMap(text: string): ServiceMap | string {
  const map = new Map<string, string>();
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const [, service, model] = /^([a-z0-9.-]+(?:\/[a-z0-9.-]+){0,2})=(\S+)$/.exec(entry) ?? [];
    if (service === undefined || model === undefined) {
      return `"${entry}" is not of the form namespace/name[/endpoint]=model`;
    }
    map.set(service, model);
  }
  return map;
}
