import { describe, expect, it } from '@jest/globals';
import { parseSettings } from '../config/index.js';
import { bindAddress, notFromThisMachine } from './loopback.js';
import { httpSettings } from './settings.js';

describe('this machine', () => {
  it.each([
    ['127.0.0.1', { host: 'localhost:8080' }],
    ['127.8.8.8', {}],
    ['::1', { host: '[::1]:8080', origin: 'http://localhost:8080' }],
    ['::ffff:127.0.0.1', { host: '127.0.0.1' }],
  ])('is %s with %j', (peer, headers) => {
    expect(notFromThisMachine({ peer, headers })).toBeNull();
  });

  it.each([
    [undefined, {}],
    ['10.0.0.1', {}],
    ['::ffff:10.0.0.1', {}],
    ['127.0.0.1.evil', {}],
    ['127.0.0.1', { forwarded: 'for=10.0.0.1' }],
    ['127.0.0.1', { 'x-forwarded-for': '' }],
    ['127.0.0.1', { host: 'localhost.evil.example' }],
    ['127.0.0.1', { host: 'user@evil.example' }],
    ['127.0.0.1', { host: '' }],
    ['127.0.0.1', { origin: 'null' }],
  ])('is not %s with %j', (peer, headers) => {
    expect(notFromThisMachine({ peer, headers })).not.toBeNull();
  });

  it.each([
    [{}, false, '127.0.0.1'],
    [{ RATCHET_HTTP_HOST: '0.0.0.0' }, false, '127.0.0.1'],
    [{ RATCHET_HTTP_HOST: '::1' }, false, '::1'],
    [{}, true, '0.0.0.0'],
    [{ RATCHET_HTTP_HOST: '10.0.0.7' }, true, '10.0.0.7'],
    [{ RATCHET_HTTP_BOOTSTRAP_TOKEN: 'x'.repeat(24) }, false, '0.0.0.0'],
  ])('with %j and tokens %s listens on %s', (env, hasTokens, address) => {
    expect(bindAddress(parseSettings([httpSettings], env).of(httpSettings), hasTokens)).toBe(address);
  });
});
