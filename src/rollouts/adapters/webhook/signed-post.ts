import { createHash, createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { guardedLookup, isForbidden } from './guarded-lookup.js';

/** Longest answer that is read. */
const LONGEST_ANSWER = 64 * 1024;

/** `t=<Unix seconds>,v1=<hex>`: HMAC-SHA256 over `<t>.<body>`. */
export function signature(secret: string, body: string, now: Date): string {
  const t = Math.floor(now.getTime() / 1000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
}

/**
 * Posts JSON and gives the parsed answer back. No redirect is followed, no forbidden address dialled, no endless answer read.
 * The same body has the same `Idempotency-Key`. @throws Error with a short reason that repeats nothing of the answer
 */
export async function signedPost(
  url: URL,
  body: string,
  options: { readonly secret: string; readonly now: Date; readonly timeoutMs: number },
): Promise<unknown> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // A literal address is dialled without a look-up.
  if (isIP(host) !== 0 && isForbidden(host)) throw new Error('its address is not allowed');
  const text = await exchange(url, body, options);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error('its answer is not JSON');
  }
}

function exchange(
  url: URL,
  body: string,
  { secret, now, timeoutMs }: { readonly secret: string; readonly now: Date; readonly timeoutMs: number },
): Promise<string> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    accept: 'application/json',
    'user-agent': 'ratchet',
    'idempotency-key': createHash('sha256').update(body).digest('hex'),
    'x-ratchet-signature': signature(secret, body, now),
  };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const late = (error: Error): void => {
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error);
    };
    const asked = send(url, { method: 'POST', headers, lookup: guardedLookup, agent: false, signal }, (response) => {
      const status = response.statusCode ?? 0;
      if (status !== 200) {
        response.destroy();
        reject(new Error(status >= 300 && status < 400 ? 'it answered with a redirect' : `it answered ${status}`));
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > LONGEST_ANSWER) response.destroy(new Error(`its answer is longer than ${LONGEST_ANSWER} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', late);
      response.on('end', () => {
        resolve(Buffer.concat(chunks).toString('utf8'));
      });
    });
    asked.on('error', late);
    asked.end(body);
  });
}
