import { describe } from '@jest/globals';

const missing = (process.env['RATCHET_TESTS_WITHOUT'] ?? '').split(',');

/** `describe` for what needs a service (a name of scripts/test/services.mjs); skips it, and says why, where that is missing. */
export function describeWith(service: string): (name: string, body: () => void) => void {
  if (!missing.includes(service)) return describe;
  return (name, body) => {
    describe.skip(`${name} (left out: no ${service} here)`, body);
  };
}
