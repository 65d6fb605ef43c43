import { statfsSync } from 'node:fs';
import { ROOT } from './places.mjs';
import { SetupProblem } from './program.mjs';

/**
 * Refuses to begin what cannot end: a disk that runs full after minutes of downloading is told of before the first byte.
 * @param {number} gigabytes free space that `what` takes at its peak, in units of 10^9 bytes
 */
export function needDisk(gigabytes, what) {
  const { bavail, bsize } = statfsSync(ROOT);
  const free = (Number(bavail) * Number(bsize)) / 1e9;
  if (free >= gigabytes) return;
  throw new SetupProblem(
    `${what} takes up to ${gigabytes} GB of disk while it is installed, and ${ROOT} has ${free.toFixed(1)} GB free. ` +
      'Free some space and run the same command again.',
  );
}
