import { existsSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { RUNTIME } from './places.mjs';
import { ask, run, SetupProblem } from './program.mjs';

const VERSION = '24.21.0';
const ENOUGH = [24, 9];

const platform = process.platform === 'win32' ? 'win' : process.platform;
const packageName = `node-${platform}-${process.arch}`;
const folder = join(RUNTIME, 'node_modules', packageName, 'bin');
const binary = join(folder, platform === 'win' ? 'node.exe' : 'node');

const [major, minor] = process.versions.node.split('.').map(Number);
const ownIsEnough = major > ENOUGH[0] || (major === ENOUGH[0] && minor >= ENOUGH[1]);

/** The Node that everything but set-up itself runs under. */
export const nodeBinary = ownIsEnough ? process.execPath : binary;

/** The environment of everything that runs under it: `node` and the packages' programs come first on PATH. */
export function nodeEnvironment() {
  const own = ownIsEnough ? [] : [folder];
  return { ...process.env, PATH: [...own, process.env.PATH ?? ''].join(delimiter) };
}

export const nodeRuntime = {
  name: 'node',
  title: ownIsEnough
    ? `Node ${process.versions.node} is already running: nothing to fetch`
    : `Node ${VERSION} from the npm package ${packageName} into .runtime/ (some 45 MB)`,
  key: () => `${packageName}@${ownIsEnough ? process.versions.node : VERSION}`,
  isWhole: () => ownIsEnough || existsSync(binary),
  async make() {
    if (ownIsEnough || ask(binary, ['--version']) === `v${VERSION}`) return; // whole, only its stamp was missing
    rmSync(join(RUNTIME, 'node_modules'), { recursive: true, force: true });
    const args = [
      'install',
      '--prefix',
      RUNTIME,
      '--no-save',
      '--no-package-lock',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ];
    await run('npm', [...args, `${packageName}@${VERSION}`], {
      doing: `npm fetches ${packageName}`,
      fail: `Node ${VERSION} could not be fetched as ${packageName}`,
    });
    if (ask(binary, ['--version']) !== `v${VERSION}`) {
      throw new SetupProblem(
        `${binary} was fetched but does not run on this machine; install Node 24.9 or newer and start again`,
      );
    }
  },
};
