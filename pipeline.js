/** The stages in the order in which data flows through them. The import rules, the docs and a test read this list. */
export const PIPELINE = Object.freeze([
  'models',
  'serving',
  'telemetry',
  'monitors',
  'triggers',
  'jobs',
  'candidates',
  'experiments',
  'rollouts',
  'promotions',
]);
