#!/usr/bin/env node
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeBinary } from '../setup/node-runtime.mjs';
import { DIST, NODE_MODULES, ROOT, RUNNERS, VENV } from '../setup/places.mjs';
import { ask } from '../setup/program.mjs';
import { pythonBinary } from '../setup/python-environment.mjs';
import { makeBase } from './base.mjs';
import { CONTROL, NOT_FOR_QUANTIZATION, RUNNER } from './contents.mjs';
import { copy, place, placeWithLibraries } from './place.mjs';

const USAGE = `usage: node scripts/images/assemble.mjs IMAGE DIR

Makes the content of an image as the folder DIR, without Docker, from what set-up has installed here, for a test
cluster; the Dockerfiles make the real images. Prints what belongs to it as JSON.

  control      API, reconcilers, gateway and guardian: dist, packages for production, Node
  runner       a runner that quantizes: Python, its packages without PyTorch; needs nothing of the machine it runs on
  runner-host  a runner of a few kilobytes that finds Python and all packages, PyTorch too, on the machine of the test:
               each of "mounts" has to be a read-only hostPath volume of its pod`;

/** Packages that are installed for production, as the lock file tells. */
export function productionPackages() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional && existsSync(join(ROOT, path)))
    .map(([path]) => path);
}

export function assembleControl(root) {
  makeBase(root);
  const folder = join(root, CONTROL.folder);
  const leftOut = CONTROL.leftOut.map((path) => join(ROOT, path));
  const wanted = (path) => !leftOut.some((one) => path === one || path.startsWith(`${one}/`));
  copy(join(ROOT, 'package.json'), join(folder, 'package.json'));
  for (const path of productionPackages()) {
    // Each package without those inside it: they are listed for themselves.
    const inside = join(ROOT, path, 'node_modules');
    place(join(ROOT, path), join(folder, path), (one) => wanted(one) && one !== inside);
  }
  // A link is enough: the next build puts new files in the place of old ones and changes none.
  place(DIST, join(folder, 'dist'), wanted);
  const native = join(NODE_MODULES, 'onnxruntime-node/bin/napi-v6', process.platform, process.arch);
  const libraries = readdirSync(native).map((name) => join(native, name));
  placeWithLibraries(root, nodeBinary, CONTROL.entrypoint[0], libraries);
  for (const volume of CONTROL.volumes) mkdirSync(join(root, volume), { recursive: true });
  return told(root, CONTROL, []);
}

export function assembleRunner(root) {
  makeBase(root);
  const python = pythonHome();
  const packages = sitePackages();
  const site = join(root, `/opt/ratchet/lib/python${python.version}/site-packages`);
  const libraries = [];
  place(packages, site, (path) => {
    const [top] = relative(packages, path).split('/');
    if (top !== '' && (NOT_FOR_QUANTIZATION.test(top) || top.startsWith('__editable__'))) return false;
    if (path.endsWith('.so')) libraries.push(path);
    return !path.endsWith('__pycache__');
  });
  const notNeeded = python.library.flatMap((folder) => ['site-packages', 'test'].map((name) => join(folder, name)));
  for (const folder of python.library)
    place(folder, join(root, folder), (path) => !path.endsWith('__pycache__') && !notNeeded.includes(path));
  const dynamic = python.library.flatMap((folder) => sharedObjects(join(folder, 'lib-dynload')));
  placeWithLibraries(root, python.program, python.program, [...dynamic, ...libraries]);
  makeEnvironment(root, python, site);
  return told(root, RUNNER, []);
}

export function assembleHostRunner(root) {
  makeBase(root);
  const python = pythonHome();
  const site = join(root, `/opt/ratchet/lib/python${python.version}/site-packages`);
  mkdirSync(site, { recursive: true });
  mkdirSync(join(root, '/host/packages'), { recursive: true });
  // Searched after our own sources; what is installed there in editable form is not followed.
  writeFileSync(join(site, 'host.pth'), '/host/packages\n');
  makeEnvironment(root, python, site);
  // A Python that is not the system's own lies somewhere else, and still needs the system's libraries.
  const own = python.prefix.startsWith('/usr')
    ? []
    : [{ name: 'host-python', hostPath: python.prefix, mountPath: python.prefix }];
  return told(root, RUNNER, [
    { name: 'host-usr', hostPath: '/usr', mountPath: '/usr' },
    ...own,
    { name: 'host-packages', hostPath: sitePackages(), mountPath: '/host/packages' },
  ]);
}

/** The virtual environment itself: a link to Python, where it comes from, and our package. */
function makeEnvironment(root, python, site) {
  mkdirSync(join(root, '/opt/ratchet/bin'), { recursive: true });
  symlinkSync(python.program, join(root, '/opt/ratchet/bin/python'));
  writeFileSync(
    join(root, '/opt/ratchet/pyvenv.cfg'),
    `home = ${dirname(python.program)}\ninclude-system-site-packages = false\n`,
  );
  copy(join(RUNNERS, 'src/ratchet_runners'), join(site, 'ratchet_runners'));
  for (const volume of RUNNER.volumes) mkdirSync(join(root, volume), { recursive: true });
}

/** The Python under the virtual environment: the system's own, or one that somebody built. */
function pythonHome() {
  const answer = ask(pythonBinary, [
    '-c',
    'import json, sys, sysconfig; print(json.dumps({"program": sys._base_executable, "prefix": sys.base_prefix, "library": sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix, "base": sys.base_prefix})}))',
  ]);
  if (answer === null) throw new Error(`There is no ${pythonBinary}; run "npm run setup".`);
  const { program, prefix, library } = JSON.parse(answer);
  const version = /python(\d+\.\d+)$/.exec(library)?.[1];
  return { program, prefix, version, library: [library] };
}

function sitePackages() {
  const lib = join(VENV, 'lib');
  const [name] = readdirSync(lib).filter((one) => one.startsWith('python'));
  return join(lib, name, 'site-packages');
}

function sharedObjects(folder) {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function told(root, image, mounts) {
  const { entrypoint, command, user, environment, folder, volumes } = image;
  return { root, entrypoint, command, user, environment, folder, volumes, mounts };
}

const IMAGES = { control: assembleControl, runner: assembleRunner, 'runner-host': assembleHostRunner };

/** @returns exit code */
export function main(args) {
  const [name, folder] = args;
  const assemble = IMAGES[name];
  if (args.includes('--help') || args.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  if (assemble === undefined || folder === undefined || args.length !== 2) {
    console.error(USAGE);
    return 2;
  }
  const root = resolve(folder);
  if (existsSync(root) && readdirSync(root).length > 0) {
    console.error(`${root} is not empty.`);
    return 2;
  }
  console.log(JSON.stringify(assemble(root), null, 2));
  return 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = main(process.argv.slice(2));
}
