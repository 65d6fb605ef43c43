import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { objectName } from './object-names.js';

describe('names of Jobs', () => {
  it('is readable and tells attempts apart', () => {
    expect(objectName('one', 'digits-t1-job-a1')).toMatch(/^digits-t1-job-a1-[a-z0-9]{10}$/);
    expect(objectName('one', 'digits-t1-job-a1')).toBe(objectName('one', 'digits-t1-job-a1'));
    expect(objectName('two', 'digits-t1-job-a1')).not.toBe(objectName('one', 'digits-t1-job-a1'));
    const long = `${'very-'.repeat(30)}long`;
    expect(objectName('one', `${long}-t12-job-a3`)).toMatch(/^very-very-.*t12-job-a3-[a-z0-9]{10}$/);
  });

  it('is a DNS label for whatever an attempt may be called, and no two are the same', () => {
    const attempts = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/);
    fc.assert(
      fc.property(attempts, attempts, (one, other) => {
        const name = objectName('install', one);
        expect(name).toMatch(/^[a-z]([-a-z0-9]*[a-z0-9])?$/);
        expect(name.length).toBeLessThanOrEqual(63);
        if (one !== other) expect(objectName('install', other)).not.toBe(name);
      }),
      { numRuns: 500 },
    );
  });
});
