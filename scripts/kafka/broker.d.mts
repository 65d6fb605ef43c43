export interface BrokerTopic {
  readonly topic: string;
  readonly partitions?: number;
  /** Topic settings, such as `retention.ms`. */
  readonly config?: Readonly<Record<string, string | number>>;
}

export interface BrokerSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export interface BrokerTls {
  /** PKCS #12 file with the broker's key and certificate. */
  readonly store: string;
  readonly password: string;
  /** PEM of who signed the certificate. */
  readonly authority: string;
}

export interface BrokerOptions {
  readonly port?: number;
  readonly data?: string;
  readonly topics?: readonly (string | BrokerTopic)[];
  readonly partitions?: number;
  readonly heapMb?: number;
  readonly fullJit?: boolean;
  readonly archive?: 'use' | 'make' | 'none';
  readonly security?: { readonly tls?: BrokerTls; readonly sasl?: BrokerSasl };
  readonly overrides?: Readonly<Record<string, string | number>>;
  readonly waitMs?: number;
}

export interface Broker {
  /** `host:port`. */
  readonly brokers: string;
  readonly logFile: string;
  readonly pid: number | null;
  /** The process is gone, whoever ended it. */
  readonly hasEnded: boolean;
  /** The first offset that is not there yet, by topic and partition. */
  ends(topics: readonly string[]): Promise<Readonly<Record<string, readonly number[]>>>;
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Documented in broker.mjs. */
export function startBroker(options?: BrokerOptions): Promise<Broker>;
