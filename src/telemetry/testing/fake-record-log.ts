import type { IntakeSource, LogListener, LogMembership, LogReading, LogRecord } from '../ports.js';
import { RecordLog } from '../ports.js';

/** One member's view of one partition. */
interface Position {
  readonly source: IntakeSource;
  next: number | null;
  paused: boolean;
}

interface Member {
  readonly listener: LogListener;
  readonly positions: Map<string, Position>;
  left: boolean;
}

/**
 * A log in memory, as a client shows it: members are assigned partitions by the test, and fetch when the test says so. Out
 * of range it starts over at the first record there is, as kafkajs does.
 */
export class FakeRecordLog extends RecordLog {
  readonly records = new Map<string, (LogRecord | null)[]>();
  readonly starts = new Map<string, number>();
  readonly noted = new Map<string, number>();
  readonly members: Member[] = [];
  /** What `extent` says is the end, when it is not the truth. */
  saidEnd: number | null = null;
  extentFails = false;

  override join(_topics: readonly string[], listener: LogListener): LogReading {
    const member: Member = { listener, positions: new Map(), left: false };
    this.members.push(member);
    return {
      leave: async () => {
        member.left = true;
        member.positions.clear();
      },
    };
  }

  override check(): Promise<void> {
    return Promise.resolve();
  }

  append(source: IntakeSource, count: number): void {
    const list = this.listOf(source);
    for (let n = 0; n < count; n += 1) {
      list.push({ offset: list.length, key: null, value: new Uint8Array(10), headers: {}, timestamp: 0 });
    }
  }

  /** Deletes what is before `start`, as retention does. */
  deleteBefore(source: IntakeSource, start: number): void {
    this.starts.set(keyOf(source), start);
  }

  /** Deletes the topic and makes it anew. */
  makeAnew(source: IntakeSource): void {
    this.records.set(keyOf(source), []);
    this.starts.set(keyOf(source), 0);
  }

  assign(index: number, sources: readonly IntakeSource[]): void {
    const member = this.members[index]!;
    if (member.left) return;
    member.positions.clear();
    for (const source of sources) member.positions.set(keyOf(source), { source, next: null, paused: true });
    member.listener.assigned(sources, this.membership(member));
  }

  /** One fetch of every member from every partition that it may fetch from. True when something was handed over. */
  fetch(most = 7): boolean {
    let moved = false;
    for (const member of this.members) {
      for (const position of member.positions.values()) moved = this.fetchOne(member, position, most) || moved;
    }
    return moved;
  }

  private fetchOne(member: Member, position: Position, most: number): boolean {
    if (position.paused || position.next === null) return false;
    const list = this.listOf(position.source);
    const start = this.starts.get(keyOf(position.source)) ?? 0;
    if (position.next < start || position.next > list.length) position.next = start;
    const from = position.next;
    const to = Math.min(list.length, from + most);
    if (to === from) return false;
    const records = list.slice(from, to).filter((record) => record !== null);
    const bytes = records.length * 10;
    if (member.listener.fetched({ source: position.source, from, to, records, bytes, end: list.length }))
      position.next = to;
    return true;
  }

  private membership(member: Member): LogMembership {
    const at = (source: IntakeSource): Position | undefined => member.positions.get(keyOf(source));
    return {
      seek: (source, offset) => {
        const position = at(source);
        if (position !== undefined) Object.assign(position, { next: offset, paused: false });
      },
      pause: (source) => {
        const position = at(source);
        if (position !== undefined) position.paused = true;
      },
      resume: (source) => {
        const position = at(source);
        if (position !== undefined) position.paused = false;
      },
      note: (source, next) => void this.noted.set(keyOf(source), next),
      extent: async (source) => {
        if (this.extentFails) throw new Error('the log does not answer');
        const start = this.starts.get(keyOf(source)) ?? 0;
        return { start, end: this.saidEnd ?? this.listOf(source).length };
      },
    };
  }

  private listOf(source: IntakeSource): (LogRecord | null)[] {
    const list = this.records.get(keyOf(source)) ?? [];
    this.records.set(keyOf(source), list);
    return list;
  }
}

function keyOf({ topic, partition }: IntakeSource): string {
  return `${topic}/${partition}`;
}
