import type {
  LogFormat,
  FetchedRecords,
  IntakeSource,
  LogIntake,
  LogListener,
  LogMembership,
  LogReading,
  RecordLog,
} from './ports.js';
import { type FeedLimits, type FeedObserver, PartitionFeed } from './partition-feed.js';
import type { Load } from './record-queue.js';

/** A topic and how its values are to be read. */
export interface FollowedTopic {
  readonly topic: string;
  readonly format: LogFormat;
}

/** Hears of the group as well as of each partition. */
export interface FollowObserver extends FeedObserver {
  assigned(sources: readonly IntakeSource[]): void;
  fetched(source: IntakeSource, records: number, bytes: number): void;
}

/** Reads topics as a member of a group: one feed for each partition that is this member's, as long as it is. */
export class LogFollower implements LogListener {
  private readonly formats: ReadonlyMap<string, LogFormat>;
  private readonly feeds = new Map<string, PartitionFeed>();
  /** The last life of each partition that this process ever had; the next one begins after it. */
  private readonly lives = new Map<string, Promise<void>>();
  private readonly load: Load = { bytes: 0 };
  private reading: LogReading | null = null;

  private isStopping = false;

  constructor(
    private readonly log: RecordLog,
    private readonly intake: LogIntake,
    private readonly topics: readonly FollowedTopic[],
    private readonly limits: FeedLimits,
    private readonly observer: FollowObserver,
  ) {
    this.formats = new Map(topics.map(({ topic, format }) => [topic, format]));
  }

  start(): void {
    this.reading ??= this.log.join(
      this.topics.map(({ topic }) => topic),
      this,
    );
  }

  /** Ends after the writes that are going on; what was fetched and not written is read again by the next owner. */
  async stop(): Promise<void> {
    this.isStopping = true;
    for (const feed of this.feeds.values()) feed.close();
    this.feeds.clear();
    await Promise.all(this.lives.values());
    await this.reading?.leave();
    this.reading = null;
    this.isStopping = false;
  }

  assigned(sources: readonly IntakeSource[], member: LogMembership): void {
    for (const feed of this.feeds.values()) feed.close();
    this.feeds.clear();
    // A rebalance on the way out: nobody would wait for what it begins.
    if (this.isStopping) return;
    for (const source of sources) this.begin(source, member);
    this.observer.assigned(sources);
  }

  fetched(records: FetchedRecords): boolean {
    const taken = this.feeds.get(keyOf(records.source))?.fetched(records) ?? false;
    if (taken) this.observer.fetched(records.source, records.records.length, records.bytes);
    return taken;
  }

  private begin(source: IntakeSource, member: LogMembership): void {
    const key = keyOf(source);
    const feed = new PartitionFeed({
      ...{ source, member, intake: this.intake, limits: this.limits, load: this.load, observer: this.observer },
      format: this.formats.get(source.topic) ?? 'native',
      relieved: () => {
        for (const one of this.feeds.values()) one.resumeIfRoom();
      },
    });
    this.feeds.set(key, feed);
    this.lives.set(key, feed.live(this.lives.get(key) ?? Promise.resolve()));
  }
}

function keyOf({ topic, partition }: IntakeSource): string {
  return `${topic}/${partition}`;
}
