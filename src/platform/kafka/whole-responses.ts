import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** Every response begins with its size, a signed number of four bytes (Kafka protocol guide, "Common Request and Response Structure"). */
const SIZE_BYTES = 4;
/** No broker answers with more; what announces more is no broker. */
const MOST_BYTES = 2 ** 30;
const KEEP_ALIVE_MS = 60_000;

type Listener = (bytes: Buffer) => void;

/**
 * Passes only whole responses on, one or several at once, in the order in which they came.
 * `fail` is told once of bytes that are no responses, and of what `pass` throws; nothing is passed on after that.
 */
export function wholeResponses(pass: Listener, fail: (error: Error) => void): Listener {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let neededBytes = SIZE_BYTES;
  let failed = false;
  const take = (chunk: Buffer): void => {
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes < neededBytes) return;
    const bytes = held.length === 1 ? chunk : Buffer.concat(held, heldBytes);
    let end = 0;
    neededBytes = SIZE_BYTES;
    while (bytes.length - end >= neededBytes) {
      const size = bytes.readInt32BE(end);
      if (size < 0 || size > MOST_BYTES) throw new Error(`a response of ${size} bytes was announced: no Kafka broker`);
      if (bytes.length - end < SIZE_BYTES + size) {
        neededBytes = SIZE_BYTES + size;
        break;
      }
      end += SIZE_BYTES + size;
    }
    const rest = bytes.subarray(end);
    held = rest.length === 0 ? [] : [rest];
    heldBytes = rest.length;
    if (end > 0) pass(bytes.subarray(0, end));
  };
  return (chunk) => {
    if (failed) return;
    try {
      take(chunk);
    } catch (error) {
      failed = true;
      fail(error as Error);
    }
  };
}

/**
 * Sockets as kafkajs makes them, but it hears of whole responses only. It keeps the beginning of a response over the end of
 * its connection and takes the bytes of the next connection for the rest, which gives nonsense or throws where nobody
 * catches: one reset at the wrong moment ends the process (kafkajs issue 715).
 */
export const socketsOfWholeResponses: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  // Its types promise options also where there is no TLS; there are none then.
  const secure = ssl as ConnectionOptions | null | undefined;
  const socket = secure
    ? connectTls({ ...named(host), ...secure, port }, onConnect)
    : connect({ host, port }, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const listen = socket.on.bind(socket) as (event: string, listener: Listener) => Socket;
  const fail = (error: Error): void => {
    socket.destroy(error);
  };
  socket.on = ((event: string, listener: Listener) =>
    listen(event, event === 'data' ? wholeResponses(listener, fail) : listener)) as Socket['on'];
  return socket;
};

function named(host: string): { readonly host: string; readonly servername?: string } {
  return isIP(host) === 0 ? { host, servername: host } : { host };
}
