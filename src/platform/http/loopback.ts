import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { type SettingsOf } from '../config/index.js';
import type { httpSettings } from './settings.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Why a request cannot be taken as one of this machine's own user, or null when it can. The peer's address is not enough:
 * a proxy on this machine speaks for others, and a web page that a browser here shows must not act either, not even
 * under a name of its own that resolves to 127.0.0.1.
 */
export function notFromThisMachine(request: { peer: string | undefined; headers: IncomingHttpHeaders }): string | null {
  const { peer, headers } = request;
  if (peer === undefined || !isLoopback(peer)) return 'the peer is another machine';
  if (headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined) return 'it came through a proxy';
  if (headers.host !== undefined && !isLoopbackHost(`http://${headers.host}`))
    return 'the Host header names another host';
  if (headers.origin !== undefined && !isLoopbackHost(headers.origin)) return 'a web page of another origin sent it';
  return null;
}

/** Where to listen: what the settings say, else every interface once tokens guard the API, else loopback only. */
export function bindAddress(settings: SettingsOf<typeof httpSettings>, hasTokens: boolean): string {
  const guarded = hasTokens || settings.bootstrapToken !== undefined;
  if (guarded) return settings.host ?? '0.0.0.0';
  return settings.host !== undefined && isLoopback(settings.host) ? settings.host : '127.0.0.1';
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  const family = isIP(plain);
  return family !== 0 && loopback.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

function isLoopbackHost(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const host = new URL(origin).hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || isLoopback(host);
}
