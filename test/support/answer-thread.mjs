/** Answers rows with ONNX files, outside the test's own world: the runtime does not take arrays that jest made. */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
const sessions = await Promise.all(workerData.map((file) => InferenceSession.create(file, options)));

parentPort.on('message', async ({ id, session, row }) => {
  const tensor = new Tensor('float32', Float32Array.from(row), [1, row.length]);
  const { logits } = await sessions[session].run({ measurements: tensor });
  parentPort.postMessage({ id, row: Array.from(logits.data) });
});
parentPort.postMessage({ ready: true });
