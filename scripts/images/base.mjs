import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { USER } from './contents.mjs';
import { copy } from './place.mjs';

/** What a base image brings along: users, certificates, somewhere to write, and the places where libraries are found. */
export function makeBase(root, { mergedUsr = true } = {}) {
  const [uid, gid] = USER.split(':');
  for (const folder of ['etc', 'tmp', 'proc', 'sys', 'dev', 'usr/lib64', 'usr/bin', 'usr/lib', 'var/lib']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  if (mergedUsr) for (const name of ['lib', 'lib64', 'bin']) symlinkSync(`usr/${name}`, join(root, name));
  writeFileSync(
    join(root, 'etc/passwd'),
    `root:x:0:0::/root:/sbin/nologin\nratchet:x:${uid}:${gid}::/tmp:/sbin/nologin\n`,
  );
  writeFileSync(join(root, 'etc/group'), `root:x:0:\nratchet:x:${gid}:\n`);
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(certificates)) copy(certificates, join(root, certificates));
}
