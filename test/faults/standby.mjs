// The program, with its modules loaded before it is told to start: a test that starts it a hundred times has not the time
// to load them a hundred times while it waits. Its environment is the line that tells it to start.
import 'reflect-metadata';
import { once } from 'node:events';

const { run } = await import('../../dist/app/run.js');
const [line] = await once(process.stdin, 'data');
Object.assign(process.env, JSON.parse(String(line)));
process.stdin.destroy();
await run([]);
