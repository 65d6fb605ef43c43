import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from './seeded.mjs';

const LOOK_MS = 100;
const RATE_MS = 500;
const PATIENCE_MS = 60_000;

/**
 * One kill after another, each at a random moment 100 to 400 ms after the work is seen to go on: every third a zombie
 * (stopped, until somebody else has taken its partitions over, then let go on), every seventh the broker.
 * @throws when the rate does not come back: a dead workload proves nothing
 */
export async function killLoop(scene, { kills, seed, minimumRate, seconds }, say) {
  const deadline = Date.now() + seconds * 1000;
  const random = seeded(seed);
  const byKind = { sigkill: 0, zombie: 0, broker: 0 };
  let slowest = Number.POSITIVE_INFINITY;
  for (let n = 1; n <= kills && Date.now() < deadline; n += 1) {
    const rate = await untilWorking(scene, minimumRate);
    slowest = Math.min(slowest, rate);
    await sleep(100 + random() * 300);
    const kind = n % 7 === 0 ? 'broker' : n % 3 === 0 ? 'zombie' : 'sigkill';
    byKind[kind] += 1;
    const victim = scene.ingest[Math.floor(random() * scene.ingest.length)];
    say(`${String(n).padStart(2)}/${kills}  ${kind.padEnd(7)} at ${Math.round(rate)} records/s`);
    if (kind === 'broker') await killBroker(scene, random);
    else if (kind === 'zombie') await makeZombie(scene, victim, random);
    else await killProcess(scene, victim);
  }
  slowest = Math.min(slowest, await untilWorking(scene, minimumRate));
  return { byKind, slowest: Math.round(slowest) };
}

/** Waits until records are counted at least at this rate, and says at which. */
async function untilWorking(scene, minimumRate) {
  const deadline = Date.now() + PATIENCE_MS;
  let best = 0;
  while (Date.now() < deadline) {
    if (scene.loaderHasEnded) throw new Error('the loader ended');
    const before = await scene.counted();
    const began = Date.now();
    await sleep(RATE_MS);
    const rate = ((await scene.counted()) - before) / ((Date.now() - began) / 1000);
    best = Math.max(best, rate);
    if (rate >= minimumRate) return rate;
  }
  const found = `at most ${Math.round(best)} records/s within ${PATIENCE_MS / 1000} s, ${minimumRate} wanted`;
  throw new Error(`a dead workload: ${found}; ${JSON.stringify(await scene.state())}`);
}

async function killProcess(scene, victim) {
  await victim.kill();
  scene.forget(victim);
  await scene.startIngest();
}

async function makeZombie(scene, victim, random) {
  const before = await scene.epochs();
  let left = [];
  victim.signal('SIGSTOP');
  await until('another process to take the partitions over', async () => {
    const now = await scene.epochs();
    left = [...before]
      .filter(([partition, epoch]) => (now.get(partition) ?? 0) <= epoch)
      .map(([partition]) => partition);
    return left.length === 0;
  }).catch(async (error) => {
    throw new Error(`${error.message}: ${left.join(', ')}; ${JSON.stringify(await scene.sessions())}`);
  });
  await sleep(random() * 1000); // while the zombie sleeps, its partitions move on
  victim.signal('SIGCONT');
}

async function killBroker(scene, random) {
  await scene.broker.kill();
  await sleep(random() * 1500);
  await scene.broker.restart();
}

async function until(what, look) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(LOOK_MS);
  }
}
