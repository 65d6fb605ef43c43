import { parentPort, workerData } from 'node:worker_threads';
import './typescript.mjs';

const { playAll } = await import('../../test/attribution/matrix.ts');
const { readPool } = await import('../../test/attribution/pool.ts');
const { model, episodes, unlabelled } = workerData;
const pool = readPool(model);
const late = playAll(pool, episodes);
const { rows, measured, reference, champion } = pool;
const about = { model, rows, measured: shares(measured), reference, champion };
parentPort.postMessage({ pool: about, late, unlabelled: playAll(pool, unlabelled, 'none') });

/** Without the rows themselves. */
function shares(conditions) {
  return Object.fromEntries(
    Object.entries(conditions).map(([name, { accuracy, referenceAccuracy, agreement }]) => [
      name,
      { accuracy, referenceAccuracy, agreement },
    ]),
  );
}
