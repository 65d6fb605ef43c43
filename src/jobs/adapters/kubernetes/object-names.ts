import { createHash } from 'node:crypto';

/** Labels and annotations of everything that an installation makes in the cluster. */
export const MANAGED_BY = 'app.kubernetes.io/managed-by';
export const INSTALL = 'ratchet.dev/install';
/** As a label the object's name, as an annotation the attempt's full one. */
export const ATTEMPT = 'ratchet.dev/attempt';
export const MODEL = 'ratchet.dev/model';

const LONGEST = 63;
const HASH = 10;

/**
 * Name of an attempt's Job: the same every time, different for every attempt of every installation, readable where there
 * is room. A DNS label of RFC 1035, because pods are named after it.
 */
export function objectName(install: string, attempt: string): string {
  const hash = BigInt(`0x${createHash('sha256').update(`${install}/${attempt}`).digest('hex').slice(0, 16)}`)
    .toString(36)
    .padStart(HASH, '0')
    .slice(-HASH);
  const plain = attempt
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '');
  // The end tells attempts of a job apart, so it is the middle that is left out.
  const room = LONGEST - HASH - 1;
  const short = plain.length <= room ? plain : `${plain.slice(0, room - 17)}-${plain.slice(-16)}`;
  return `${short.replaceAll(/-+/g, '-').replaceAll(/^-|-$/g, '') || 'attempt'}-${hash}`;
}

/** What everything of an installation is found by. */
export function installSelector(install: string): string {
  return `${MANAGED_BY}=ratchet,${INSTALL}=${install}`;
}
