import { afterEach, describe, expect, it } from '@jest/globals';
import { armFailpoints, failpoint, InvalidInput } from '../kernel/index.js';
import { armFromEnvironment, FailpointReached, parseFailpoints } from './failpoints.js';

describe('RATCHET_FAILPOINT', () => {
  afterEach(() => {
    armFailpoints(null);
  });

  it('names failpoints, what happens there, and at which passing', () => {
    expect([...parseFailpoints('jobs.admit:after-commit:exit, jobs.job.update:before-commit:error@3')]).toEqual([
      ['jobs.admit:after-commit', { action: 'exit', nth: 1 }],
      ['jobs.job.update:before-commit', { action: 'error', nth: 3 }],
    ]);
  });

  it.each(['jobs.admit', 'jobs.admit:after-commit', 'jobs.admit:after-commit:explode', 'a.b:before:exit@0', ''])(
    'refuses "%s"',
    (text) => {
      expect(() => parseFailpoints(text)).toThrow(InvalidInput);
    },
  );

  it('fails at the named passing and at no other', () => {
    armFromEnvironment({ RATCHET_FAILPOINT: 'jobs.admit:before-commit:error@2' });
    failpoint('jobs.admit:before-commit');
    failpoint('jobs.admit:after-commit');
    expect(() => {
      failpoint('jobs.admit:before-commit');
    }).toThrow(FailpointReached);
    failpoint('jobs.admit:before-commit');
  });

  it('arms nothing when it is not set', () => {
    armFromEnvironment({});
    failpoint('jobs.admit:before-commit');
  });
});
