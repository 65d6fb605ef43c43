import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Digest } from '../kernel/index.js';
import type { RolloutPolicy } from '../models/index.js';

/** sha256 of a policy, whatever the order of its keys (RFC 8785). */
export function policyDigest(policy: RolloutPolicy): Digest {
  return `sha256:${createHash('sha256')
    .update(canonicalize(policy) ?? '')
    .digest('hex')}`;
}
