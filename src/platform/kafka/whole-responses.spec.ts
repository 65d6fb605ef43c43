import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { socketsOfWholeResponses, wholeResponses } from './whole-responses.js';

const response = (content: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(4 + content.length);
  bytes.writeInt32BE(content.length);
  bytes.set(content, 4);
  return bytes;
};
const nobody = (error: Error): void => {
  throw error;
};

describe('whole responses', () => {
  it('come in order and whole, however the bytes are cut; what is not whole stays behind', () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(contents, fc.nat(30), fc.infiniteStream(fc.integer({ min: 1, max: 25 })), (all, missing, cuts) => {
        const stream = Buffer.concat(all.map(response));
        const arrived = stream.subarray(0, Math.max(0, stream.length - missing));
        const passed: Buffer[] = [];
        const take = wholeResponses((bytes) => passed.push(Buffer.from(bytes)), nobody);
        for (let at = 0; at < arrived.length;) {
          const next = at + Number(cuts.next().value);
          take(arrived.subarray(at, next));
          at = next;
        }
        let whole = 0;
        for (const content of all) {
          if (whole + 4 + content.length > arrived.length) break;
          whole += 4 + content.length;
        }
        expect(Buffer.concat(passed).equals(stream.subarray(0, whole))).toBe(true);
        // Never the beginning of one: each of what was passed ends where a response ends.
        for (const bytes of passed) {
          let end = 0;
          while (end < bytes.length) end += 4 + bytes.readInt32BE(end);
          expect(end).toBe(bytes.length);
        }
      }),
    );
  });

  it.each([
    ['a size below zero', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n')],
  ])('fail once for %s, and pass nothing on afterwards', (_, garbage) => {
    const [passed, errors]: [Buffer[], Error[]] = [[], []];
    const take = wholeResponses(
      (bytes) => passed.push(bytes),
      (error) => errors.push(error),
    );
    take(Buffer.concat([response(Buffer.from('fine'))]));
    take(garbage);
    take(response(Buffer.from('late')));
    expect([passed.length, errors.map(({ message }) => message)]).toEqual([
      1,
      [expect.stringMatching(/^a response of -?\d+ bytes was announced: no Kafka broker$/)],
    ]);
  });

  it('hand what the reader throws to the connection', () => {
    const errors: Error[] = [];
    const take = wholeResponses(
      () => {
        throw new RangeError('too short');
      },
      (error) => errors.push(error),
    );
    take(response(Buffer.from('x')));
    expect(errors).toEqual([new RangeError('too short')]);
  });
});

describe('sockets of whole responses', () => {
  let server: Server;
  let serve: (socket: Socket) => void;
  beforeEach(async () => {
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      serve(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    await new Promise((done) => server.close(done));
  });

  const open = (heard: Buffer[]): Socket => {
    const { port } = server.address() as AddressInfo;
    const plain = undefined as unknown as ConnectionOptions; // what kafkajs gives without TLS
    const socket = socketsOfWholeResponses({ host: '127.0.0.1', port, ssl: plain, onConnect: () => undefined });
    socket.on('data', (bytes) => heard.push(bytes));
    return socket;
  };

  it('leave nothing of a connection that broke within a response', async () => {
    const heard: Buffer[] = [];
    serve = (socket) => socket.end(response(Buffer.from('never whole')).subarray(0, 9));
    const first = open(heard);
    await once(first, 'end');
    first.destroy();
    serve = (socket) => socket.end(response(Buffer.from('whole')));
    const second = open(heard);
    await once(second, 'end');
    second.destroy();
    expect(heard.map(String)).toEqual(['\0\0\0\u0005whole']);
  });

  it('end with an error when the other side is no broker', async () => {
    serve = (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    const socket = open([]);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('no Kafka broker');
  });
});
