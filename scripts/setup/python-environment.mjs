import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { needDisk } from './disk.mjs';
import { PIP_TEMPORARY, ROOT, RUNNERS, VENV } from './places.mjs';
import { ask, run, SetupProblem } from './program.mjs';
import { hashOf } from './stamp.mjs';

const OLDEST = [3, 10];
/** Wheels (3.2 GB) and what is unpacked from them (6.1 GB) lie beside each other until pip has ended; measured, with some air. */
const PEAK_GIGABYTES = 10.5;
const CANDIDATES = ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];

/** The Python that runs compression jobs and the runners' tests. */
export const pythonBinary = join(VENV, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

export const pythonEnvironment = {
  name: 'python',
  title:
    'Python environment .venv with gpu-runners, PyTorch and ONNX Runtime (several GB: PyTorch is a CUDA build; about two minutes)',
  key: () => hashOf({ texts: [ROOT], paths: [join(RUNNERS, 'pyproject.toml')] }),
  isWhole: () => existsSync(pythonBinary),
  async make() {
    if (!existsSync(join(RUNNERS, 'pyproject.toml')))
      throw new SetupProblem('gpu-runners/pyproject.toml is missing from this clone');
    const python = findPython();
    removeTrees(VENV, PIP_TEMPORARY);
    needDisk(PEAK_GIGABYTES, 'The Python environment');
    await run(python, ['-m', 'venv', VENV], {
      doing: `${python} makes .venv`,
      fail: 'the Python environment could not be made',
    });
    const install = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off'];
    // Beside .venv, not in the system's temporary folder: that is often a small memory disk, and what a killed pip leaves
    // there nobody removes.
    mkdirSync(PIP_TEMPORARY, { recursive: true });
    await run(pythonBinary, [...install, '-e', `${RUNNERS}[train,builder,dev]`], {
      env: { ...process.env, TMPDIR: PIP_TEMPORARY },
      activity: pipActivity(),
      doing: 'pip works out the versions',
      fail: 'the Python packages could not be installed',
    });
    removeTrees(PIP_TEMPORARY);
  },
};

function removeTrees(...folders) {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

function findPython() {
  const seen = [];
  for (const name of CANDIDATES) {
    const answer = ask(name, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
    if (answer === null) continue;
    const [major, minor] = answer.split('.').map(Number);
    if (major !== OLDEST[0] || minor < OLDEST[1]) {
      seen.push(`${name} is ${answer}`);
      continue;
    }
    if (ask(name, ['-c', 'import venv, ensurepip']) === null) {
      seen.push(
        `${name} (${answer}) cannot make environments: on Debian and Ubuntu "apt-get install python3-venv" adds that`,
      );
      continue;
    }
    return name;
  }
  const found = seen.length === 0 ? 'none was found on PATH' : seen.join('; ');
  throw new SetupProblem(
    `Python ${OLDEST.join('.')} or newer with venv is needed: ${found}. On Debian: apt-get install python3 python3-venv`,
  );
}

function pipActivity() {
  let collected = 0;
  return (line) => {
    const text = line.trim();
    if (text.startsWith('Collecting ')) {
      collected += 1;
      return `pip: ${collected} packages so far, now ${text.slice('Collecting '.length).split(/[ (;<>=!~]/)[0]}`;
    }
    const file = /^(Downloading|Using cached) (\S+)(?: \((.+)\))?/.exec(text);
    if (file) return `pip: ${file[1].toLowerCase()} ${file[2].split('/').pop()}${file[3] ? ` (${file[3]})` : ''}`;
    const installing = /^Installing collected packages: (.+)/.exec(text);
    if (installing) return `pip: unpacks ${installing[1].split(',').length} packages (PyTorch takes its time)`;
    return null;
  };
}
