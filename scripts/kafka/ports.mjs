import { createServer } from 'node:net';
import { SetupProblem } from '../setup/program.mjs';

/** So many ports that nobody listens on now, all different. */
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => listen()));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** @throws SetupProblem when somebody listens there */
export async function requireFree(port) {
  try {
    const server = await listen(port);
    await new Promise((done) => server.close(done));
  } catch (error) {
    throw new SetupProblem(`port ${port} cannot be used (${error.code}); --port 0 takes any free one`);
  }
}

function listen(port = 0) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
