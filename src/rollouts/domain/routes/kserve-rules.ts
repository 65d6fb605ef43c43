import { at, type Json, listAt, numberAt, textAt } from './json.js';

/** Members of a predictor that say what serves; exactly one of them is there. As in KServe 0.20, `pkg/apis/serving/v1beta1`. */
const FRAMEWORKS = [
  ...[
    'model',
    'sklearn',
    'xgboost',
    'tensorflow',
    'pytorch',
    'triton',
    'onnx',
    'huggingface',
    'pmml',
    'lightgbm',
    'paddle',
  ],
];
const SCHEMES = [
  ...[
    'gs://',
    's3://',
    'pvc://',
    'file://',
    'https://',
    'http://',
    'hdfs://',
    'webhdfs://',
    'oci://',
    'oci+native://',
    'hf://',
  ],
];

/** Path of the predictor's storageUri, or why the candidate's cannot be put in its place. */
export function storagePlace(object: Json): readonly string[] | string {
  const predictor = at(object, 'spec', 'predictor');
  const present = FRAMEWORKS.filter((name) => at(predictor, name) !== undefined);
  const [framework, another] = present;
  if (framework === undefined)
    return 'The predictor names no model: a predictor of containers of its own has no storageUri that could be changed.';
  if (another !== undefined) return `The predictor names more than one model: ${present.join(', ')}.`;
  if (at(predictor, framework, 'storage') !== undefined)
    return 'The predictor takes its model from `storage`; only a storageUri can be changed.';
  if (at(predictor, framework, 'storageUri') === undefined) return 'The predictor has no storageUri.';
  return ['spec', 'predictor', framework, 'storageUri'];
}

/**
 * What KServe's validating webhook would refuse about the change, so that the answer is a sentence and not a failed patch,
 * and is the same where the webhook is not installed. Null when nothing.
 */
export function preflight(
  object: Json,
  wanted: { readonly storageUri: string; readonly percent: number },
): string | null {
  const place = storagePlace(object);
  if (typeof place === 'string') return place;
  for (const rule of [name, canaries, storage, replicas, concurrency, logger, nodes]) {
    const problem = rule(object, wanted, place[2] ?? 'model');
    if (problem !== null) return problem;
  }
  return null;
}

type Rule = (
  object: Json,
  wanted: { readonly storageUri: string; readonly percent: number },
  framework: string,
) => string | null;

const name: Rule = (object, _wanted, framework) => {
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(textAt(object, 'metadata', 'name') ?? ''))
    return 'KServe allows lower-case letters, digits and "-" in the name of an InferenceService, and a letter first.';
  return textAt(object, 'spec', 'predictor', framework, 'name') === null
    ? null
    : `KServe does not allow a name in the predictor's ${framework}.`;
};

const canaries: Rule = (object, { percent }) => {
  if (listAt(object, 'spec', 'canary').length > 0)
    return 'The InferenceService has canaries of its own (spec.canary), which KServe allows in Standard mode only.';
  return Number.isInteger(percent) && percent >= 0 && percent <= 100
    ? null
    : `canaryTrafficPercent is a whole number from 0 to 100, not ${percent}.`;
};

const storage: Rule = (object, { storageUri }) => {
  if (listAt(object, 'spec', 'predictor', 'storageUris').length > 0)
    return 'The predictor has storageUris beside its storageUri, which KServe refuses.';
  return SCHEMES.some((scheme) => storageUri.startsWith(scheme))
    ? null
    : `KServe does not read "${storageUri}": it must begin with one of ${SCHEMES.join(' ')}.`;
};

const replicas: Rule = (object) => {
  const predictor = at(object, 'spec', 'predictor');
  const [least, most] = [numberAt(predictor, 'minReplicas') ?? 1, numberAt(predictor, 'maxReplicas') ?? 0];
  if (least < 0 || most < 0) return 'minReplicas and maxReplicas cannot be negative.';
  return most !== 0 && least > most ? 'minReplicas cannot be greater than maxReplicas.' : null;
};

const concurrency: Rule = (object) =>
  (numberAt(object, 'spec', 'predictor', 'containerConcurrency') ?? 0) < 0
    ? 'containerConcurrency cannot be negative.'
    : null;

const logger: Rule = (object) => {
  const written = at(object, 'spec', 'predictor', 'logger');
  if (written === undefined) return null;
  return ['all', 'request', 'response'].includes(textAt(written, 'mode') ?? '')
    ? null
    : "The logger's mode must be all, request or response.";
};

const nodes: Rule = (object, { storageUri }) =>
  at(object, 'spec', 'predictor', 'workerSpec') === undefined || /^(pvc|oci):\/\//.test(storageUri)
    ? null
    : 'With a workerSpec (several nodes) KServe reads models from pvc:// and oci:// only.';
