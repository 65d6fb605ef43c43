import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The one thing this benchmark measures itself against, and what its streams are made with; nothing else is installed. */
const REQUIREMENTS = ['river==0.26.1', 'numpy==2.4.6'];

/** A Python environment of its own in .ratchet/bench-venv, made once; says what it does. Answers with its interpreter. */
export async function pythonEnvironment(root) {
  const folder = join(root, '.ratchet', 'bench-venv');
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const stamp = join(folder, 'requirements.txt');
  const wanted = `${REQUIREMENTS.join('\n')}\n`;
  if (existsSync(python) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python;
  console.log(`making .ratchet/bench-venv with ${REQUIREMENTS.join(' and ')} (once, about half a minute)`);
  mkdirSync(join(root, '.ratchet'), { recursive: true });
  execFileSync('python3', ['-m', 'venv', '--clear', folder], { stdio: 'inherit' });
  const install = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--quiet', ...REQUIREMENTS];
  execFileSync(python, install, { stdio: 'inherit' });
  writeFileSync(stamp, wanted);
  return python;
}

/** Runs a Python script to its end; its output is ours. */
export function runPython(python, args) {
  const child = spawn(python, args, { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${args[0]} ended with ${code}`))));
  });
}
