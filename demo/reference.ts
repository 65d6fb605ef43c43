import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TrainedReference {
  readonly file: string;
  /** As its trainer measured it on the 10,000 test images. */
  readonly accuracy: number;
  readonly cached: boolean;
}

/**
 * The full-precision reference of `examples/digits`, trained once: the cache key is the trainer's content, so another
 * trainer makes another reference.
 */
export async function trainedReference(
  root: string,
  cache: string,
  say: (line: string) => void,
): Promise<TrainedReference> {
  const script = join(root, 'examples/digits/train_reference.py');
  const key = createHash('sha256').update(readFileSync(script)).digest('hex').slice(0, 16);
  const folder = join(cache, `reference-${key}`);
  const [file, notes] = [join(folder, 'reference.onnx'), join(folder, 'reference.json')];
  const cached = existsSync(notes);
  if (!cached) await train(root, script, folder, say);
  const { accuracy } = JSON.parse(readFileSync(notes, 'utf8')) as { accuracy: number };
  return { file, accuracy, cached };
}

async function train(root: string, script: string, folder: string, say: (line: string) => void): Promise<void> {
  const half = `${folder}.part`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });
  const child = spawn(join(root, '.venv/bin/python'), [script, '--output', join(half, 'reference.onnx')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONUNBUFFERED: '1' },
  });
  let last = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n').filter((part) => part.trim() !== '')) {
      last = line;
      if (!line.startsWith('{')) say(`  ${line}`);
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4_000)));
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`Training the reference failed (exit code ${code}):\n${errors}`);
  const result = JSON.parse(last) as { accuracy?: number; testAccuracy?: number; test_accuracy?: number };
  const accuracy = result.accuracy ?? result.testAccuracy ?? result.test_accuracy;
  if (accuracy === undefined) throw new Error(`The trainer's last line gives no accuracy: ${last}`);
  writeFileSync(join(half, 'reference.json'), JSON.stringify({ accuracy }));
  rmSync(folder, { recursive: true, force: true });
  renameSync(half, folder);
}
