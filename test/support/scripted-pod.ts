import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from './kube.js';

const run = promisify(execFile);

/** Image of a runner that does what its attempt's name says; made of this machine's own shell. */
export const SCRIPTED_IMAGE = 'ratchet.test/scripted-runner:1';

/**
 * In the place of `python -m ratchet_runners remote`: `…-exit<n>-…` ends with n, `…-eats-…` holds ever more memory, anything
 * else stays until it is told to end. Without a token that it may read it ends with 9, as root with 8, where it can write
 * to its image with 7, where it cannot write to its folders with 6.
 */
const PROGRAM = `#!/bin/sh
while [ $# -gt 0 ]; do
  [ "$1" = --attempt ] && name=$2
  [ "$1" = --token-file ] && token=$2
  shift
done
[ -s "$token" ] || exit 9
while read -r key uid _; do [ "$key" = Uid: ] && [ "$uid" = 0 ] && exit 8; done < /proc/self/status
(: > /written) 2>/dev/null && exit 7
(: > /work/written && : > /tmp/written) || exit 6
case $name in
  *-exit*) code=\${name##*-exit}; exit "\${code%%-*}" ;;
  *-eats-*) tail /dev/zero ;;
  *) trap 'exit 143' TERM; sleep 3600 & wait ;;
esac
`;

/** Gives the image to the cluster's node. */
export async function giveScriptedImage(cluster: Cluster): Promise<void> {
  if (cluster.image === undefined) throw new Error('The cluster has no node of ours.');
  const root = await mkdtemp(join(tmpdir(), 'ratchet-image-'));
  try {
    for (const program of ['/bin/sh', '/bin/sleep', '/usr/bin/tail']) await withLibraries(root, program);
    for (const folder of ['usr/bin', 'work', 'tmp', 'proc', 'dev', 'var/run'])
      await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, 'usr/bin/python'), PROGRAM);
    await chmod(join(root, 'usr/bin/python'), 0o755);
    await cluster.image(SCRIPTED_IMAGE, root, '/usr/bin/python');
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function withLibraries(root: string, program: string): Promise<void> {
  const { stdout } = await run('ldd', [program]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  for (const file of [program, ...libraries]) {
    await mkdir(join(root, dirname(file)), { recursive: true });
    await copyFile(await realpath(file), join(root, file));
    await chmod(join(root, file), 0o755);
  }
}
