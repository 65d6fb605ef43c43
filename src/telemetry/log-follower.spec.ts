import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type FollowObserver, LogFollower } from './log-follower.js';
import type { FeedLimits } from './partition-feed.js';
import type { IntakeSource } from './ports.js';
import { FakeLogIntake } from './testing/fake-log-intake.js';
import { FakeRecordLog } from './testing/fake-record-log.js';

const LIMITS: FeedLimits = {
  chunkRecords: 10,
  bufferRecords: 20,
  bufferBytes: 1_000_000,
  lingerMs: 0,
  retryMs: [0, 1],
  reclaimMs: 1,
};
const P0: IntakeSource = { topic: 'events', partition: 0 };
const P1: IntakeSource = { topic: 'events', partition: 1 };
const TOPICS = [{ topic: 'events', format: 'native' as const }];

/** Notes the names of what it hears. */
function recorder(): { readonly heard: string[]; readonly observer: FollowObserver } {
  const heard: string[] = [];
  const note = (name: string) => (): void => void heard.push(name);
  return {
    heard,
    observer: {
      ...{ assigned: note('assigned'), fetched: () => undefined, placed: note('placed'), lag: () => undefined },
      ...{ left: note('left'), fenced: note('fenced'), failed: note('failed'), recovered: note('recovered') },
      paused: (_, cause) => void heard.push(`paused ${cause}`),
      resumed: (_, cause) => void heard.push(`resumed ${cause}`),
      reset: (_, cause, from, to) => void heard.push(`${cause} ${from} ${to}`),
    },
  };
}

function setUp(limits: Partial<FeedLimits> = {}, members = 1) {
  const log = new FakeRecordLog();
  const intake = new FakeLogIntake();
  const { heard, observer } = recorder();
  const followers = Array.from({ length: members }, () => {
    const follower = new LogFollower(log, intake, TOPICS, { ...LIMITS, ...limits }, observer);
    follower.start();
    return follower;
  });
  return { log, intake, heard, followers, follower: followers[0]! };
}

/** Lets everything happen that can, fetching all the while, until `done`. */
async function run(log: FakeRecordLog, done: () => boolean): Promise<void> {
  // By the clock and not by turns: a fast machine does thousands of turns before the shortest timer fires.
  const end = performance.now() + 10_000;
  while (performance.now() < end) {
    if (done()) return;
    log.fetch();
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('It did not come to that.');
}
const pass = async (log: FakeRecordLog, turns = 20): Promise<void> => {
  let left = turns;
  await run(log, () => (left -= 1) < 0);
};

describe('LogFollower', () => {
  it('reads every partition from where the store stands, in chunks of at most its size', async () => {
    const { log, intake, follower } = setUp();
    log.append(P0, 35);
    log.append(P1, 3);
    await intake.write({ source: P1, epoch: 0, from: 0, to: 1, format: 'native', records: [] });
    log.assign(0, [P0, P1]);
    await run(log, () => intake.nextOf(P0) === 35 && intake.nextOf(P1) === 3);
    expect([...intake.counted.values()].every((times) => times === 1)).toBe(true);
    expect(intake.counted.size).toBe(37);
    expect(Math.max(...intake.chunks.map(({ records }) => records.length))).toBeLessThanOrEqual(10);
    expect(log.noted.get('events/0')).toBe(35);
    await follower.stop();
  });

  it('fetches nothing before the partition is claimed', async () => {
    const { log, intake, follower } = setUp();
    log.append(P0, 5);
    log.extentFails = true;
    log.assign(0, [P0]);
    await pass(log);
    expect(log.fetch()).toBe(false);
    log.extentFails = false;
    await run(log, () => intake.nextOf(P0) === 5);
    await follower.stop();
  });

  it('pauses a partition whose buffer is full, and goes on when there is room', async () => {
    const { log, intake, heard, follower } = setUp();
    let open: () => void = () => undefined;
    intake.gate = new Promise((resolve) => (open = resolve));
    log.append(P0, 100);
    log.assign(0, [P0]);
    await pass(log);
    expect(heard).toContain('paused full');
    expect(log.fetch()).toBe(false);
    open();
    await run(log, () => intake.nextOf(P0) === 100);
    expect(heard).toContain('resumed full');
    await follower.stop();
  });

  it('bounds the bytes of all partitions together', async () => {
    const { log, intake, heard, follower } = setUp({ bufferRecords: 1000, bufferBytes: 200 });
    let open: () => void = () => undefined;
    intake.gate = new Promise((resolve) => (open = resolve));
    for (const source of [P0, P1]) log.append(source, 100);
    log.assign(0, [P0, P1]);
    await pass(log, 50);
    expect(heard.filter((name) => name === 'paused full')).toHaveLength(2);
    open();
    await run(log, () => intake.nextOf(P0) === 100 && intake.nextOf(P1) === 100);
    await follower.stop();
  });

  it.each(['before', 'after'] as const)(
    'tries a chunk again as it was when the store failed %s writing it',
    async (when) => {
      const { log, intake, heard, follower } = setUp();
      log.append(P0, 30);
      log.assign(0, [P0]);
      intake.failures.push(when, when, 'before');
      await run(log, () => intake.nextOf(P0) === 30);
      expect([...intake.counted.values()]).toEqual(Array<number>(30).fill(1));
      expect(heard).toEqual(expect.arrayContaining(['failed', 'paused store', 'recovered', 'resumed store']));
      expect(heard.filter((name) => name === 'failed')).toHaveLength(1);
      await follower.stop();
    },
  );

  it('writes nothing after somebody else has claimed the partition, and claims it again if it stays assigned', async () => {
    const { log, intake, heard, follower } = setUp({ reclaimMs: 30 });
    log.append(P0, 5);
    log.assign(0, [P0]);
    await run(log, () => intake.nextOf(P0) === 5);
    await intake.claim(P0);
    log.append(P0, 5);
    await run(log, () => heard.includes('fenced'));
    expect(intake.nextOf(P0)).toBe(5);
    await run(log, () => intake.nextOf(P0) === 10);
    expect([...intake.counted.values()]).toEqual(Array<number>(10).fill(1));
    await follower.stop();
  });

  it.each([
    ['moves away', true],
    ['stays', false],
  ])('a partition that found the memory full goes on when the one that filled it %s', async (_, away) => {
    const { log, intake, follower } = setUp({ chunkRecords: 5, bufferRecords: 1_000, bufferBytes: 200, lingerMs: 0 });
    let open = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      open = resolve;
    });
    const write = intake.write.bind(intake);
    intake.write = async (chunk) => {
      if (chunk.source.partition === 0) await slow;
      return write(chunk);
    };
    log.append(P0, 100);
    log.assign(0, [P0, P1]);
    await pass(log, 50);
    log.append(P1, 100);
    log.assign(0, away ? [P1] : [P0, P1]);
    await pass(log, 50);
    open();
    await run(log, () => intake.nextOf(P1) === 100);
    await follower.stop();
  });

  it('says what was deleted before it was counted, and goes on at what there is', async () => {
    const { log, intake, heard, follower } = setUp();
    log.append(P0, 20);
    log.deleteBefore(P0, 12);
    log.assign(0, [P0]);
    await run(log, () => intake.nextOf(P0) === 20);
    expect(heard).toContain('deleted 0 12');
    expect(intake.counted.size).toBe(8);
    log.append(P0, 20);
    log.deleteBefore(P0, 30);
    await run(log, () => intake.nextOf(P0) === 40);
    expect(heard).toContain('deleted 20 30');
    await follower.stop();
  });

  it('starts over when the topic was made anew', async () => {
    const { log, intake, heard, follower } = setUp();
    log.append(P0, 20);
    log.assign(0, [P0]);
    await run(log, () => intake.nextOf(P0) === 20);
    log.makeAnew(P0);
    log.append(P0, 3);
    await run(log, () => intake.nextOf(P0) === 3);
    expect(heard).toContain('made-anew 20 0');
    await follower.stop();
  });

  it('does not believe a broker that says a smaller end than there is', async () => {
    const { log, intake, heard, follower } = setUp();
    log.append(P0, 20);
    log.assign(0, [P0]);
    await run(log, () => intake.nextOf(P0) === 20);
    log.saidEnd = 3;
    log.assign(0, [P0]);
    log.append(P0, 5);
    await run(log, () => intake.nextOf(P0) === 25);
    expect(heard.filter((name) => name.startsWith('made-anew'))).toEqual([]);
    expect([...intake.counted.values()]).toEqual(Array<number>(25).fill(1));
    await follower.stop();
  });

  it('ends after the write that is going on, and leaves the rest to the next owner', async () => {
    const { log, intake, follower } = setUp();
    let open: () => void = () => undefined;
    intake.gate = new Promise((resolve) => (open = resolve));
    log.append(P0, 100);
    log.assign(0, [P0]);
    await pass(log);
    const stopped = follower.stop();
    open();
    await stopped;
    expect(intake.nextOf(P0)).toBeLessThanOrEqual(10);
    expect(log.members[0]?.left).toBe(true);
  });

  it('counts every record once, whatever fails and whoever owns what', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), partition: fc.nat(1), count: fc.nat(30) }),
      fc.record({ kind: fc.constant('fail' as const), when: fc.constantFrom('before' as const, 'after' as const) }),
      // Partition 0 and 1 each to one member or to both: a member that was not told yet is a zombie.
      fc.record({ kind: fc.constant('assign' as const), member: fc.nat(1), partitions: fc.subarray([P0, P1]) }),
      fc.record({ kind: fc.constant('turns' as const), turns: fc.nat(5) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { log, intake, followers } = setUp({}, 2);
        const appended = [0, 0];
        for (const one of steps) {
          if (one.kind === 'append') {
            log.append([P0, P1][one.partition]!, one.count);
            appended[one.partition]! += one.count;
          } else if (one.kind === 'fail') intake.failures.push(one.when);
          else if (one.kind === 'assign') log.assign(one.member, one.partitions);
          else await pass(log, one.turns);
        }
        intake.failures.length = 0;
        log.assign(0, [P0]);
        log.assign(1, [P1]);
        await run(log, () => intake.nextOf(P0) === appended[0] && intake.nextOf(P1) === appended[1]);
        await Promise.all(followers.map((follower) => follower.stop()));
        expect([...intake.counted.values()].filter((times) => times !== 1)).toEqual([]);
        expect(intake.counted.size).toBe(appended[0]! + appended[1]!);
      }),
      { numRuns: 60 },
    );
  });
});
