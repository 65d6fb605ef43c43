// Stands in for `python -m ratchet_runners run JOB.json --output DIR` and does what the file `behaviour` of its folder says.
import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, , , , jobFile, , output] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobFile, 'utf8'));
appendFileSync(join(folder, 'runs'), `${job.attempt}\n`);

function beat(step, fraction) {
  const line = { at: new Date().toISOString(), step, fraction, message: step, remainingSeconds: null };
  appendFileSync(join(output, 'progress.jsonl'), `${JSON.stringify(line)}\n`);
}

function hang() {
  setTimeout(() => process.exit(9), 120_000);
}

const behaviours = {
  works() {
    beat('quantize', 0.5);
    copyFileSync(join(folder, 'candidate.onnx'), join(output, 'candidate.onnx'));
    const bytes = readFileSync(join(output, 'candidate.onnx'));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const parent = job.artifacts.reference.digest;
    const { train } = job.data;
    const report = {
      schema: 'ratchet.dev/report/v1',
      job: job.job,
      attempt: job.attempt,
      outcome: 'candidate',
      reasons: [],
      artifacts: [{ file: 'candidate.onnx', digest, kind: 'compressed', parent, sizeBytes: bytes.length }],
      data: { digest: train.digest, requested: train.rows, used: train.rows, labelled: train.labelled, replay: 0 },
      read: { reference: parent, champion: job.artifacts.champion?.digest ?? null, train: train.digest },
      figures: {},
      steps: [],
      versions: { node: process.version },
      seed: job.seed,
      command: 'scripted-runner',
      wallSeconds: 0.1,
      peakRssBytes: process.memoryUsage.rss(),
    };
    writeFileSync(join(output, 'report.tmp'), JSON.stringify(report));
    renameSync(join(output, 'report.tmp'), join(output, 'report.json'));
  },
  'exits with 1'() {
    console.error('RuntimeError: no memory left on this device');
    process.exit(1);
  },
  hangs() {
    beat('calibrate', 0.1);
    hang();
  },
  'writes garbage'() {
    writeFileSync(join(output, 'progress.jsonl'), Buffer.from('no json\n{"at":1}\n\0\xff{"step"', 'latin1'));
    writeFileSync(join(output, 'report.json'), '{"schema": what');
  },
  'fills the disk quota'() {
    beat('calibrate', 0.1);
    // Many files, because one alone is stopped by the limit on a file's size.
    for (let n = 0; n < 40; n += 1) writeFileSync(join(output, `${n}.bin`), Buffer.alloc(100_000));
    hang();
  },
  'brings a model that is cut off'() {
    const whole = readFileSync(join(folder, 'candidate.onnx'));
    writeFileSync(join(folder, 'cut.onnx'), whole.subarray(0, whole.length - 30));
    renameSync(join(folder, 'cut.onnx'), join(folder, 'candidate.onnx'));
    behaviours.works();
    writeFileSync(join(folder, 'candidate.onnx'), whole);
  },
};

behaviours[readFileSync(join(folder, 'behaviour'), 'utf8')]();
