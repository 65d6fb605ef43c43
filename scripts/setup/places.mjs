import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Every folder that set-up writes to lies inside the clone. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const RUNTIME = join(ROOT, '.runtime');
export const STAMPS = join(RUNTIME, 'stamps');
export const PIP_TEMPORARY = join(RUNTIME, 'pip');
export const LOCK = join(RUNTIME, 'setup.lock');
export const NODE_MODULES = join(ROOT, 'node_modules');
export const VENV = join(ROOT, '.venv');
export const DIST = join(ROOT, 'dist');
export const RUNNERS = join(ROOT, 'gpu-runners');
