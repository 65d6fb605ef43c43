import type { Digest } from '../kernel/index.js';
import type { TensorContract } from '../models/index.js';
import type { Answer } from './domain/answer.js';
import type { GatewayArm } from './domain/pinned-arm.js';
import type { Arm, Route } from './domain/route.js';
import type { ServedCount } from './domain/served.js';

/** Wanted routes. */
export abstract class RouteStore {
  abstract find(model: string): Promise<Route | null>;
  abstract list(): Promise<Route[]>;
  /**
   * Writes the wanted route and raises its epoch when anything but `confirmBy` changed. Joins the current unit of work.
   * Stating the same route again is a no-op, so it can be stated on every pass. Returns what is stored.
   */
  abstract state(route: Omit<Route, 'epoch'>): Promise<Route>;
  /**
   * The same, but only while the stored route still has this epoch: whoever decided by looking at a route must not undo what
   * somebody else has stated since. Null, and nothing changed, when it has another one or there is none.
   */
  abstract stateIf(route: Omit<Route, 'epoch'>, epoch: number): Promise<Route | null>;
}

/** What the gateways really do. */
export abstract class GatewayStatus {
  /**
   * The lowest epoch that every live gateway (heard of in the last 5 s) has in force; null when none is live. With `arm` only
   * the gateways that are pinned to it count.
   */
  abstract epochInForce(model: string, arm?: GatewayArm): Promise<number | null>;
}

/** Which request key came to which arm of a split. */
export interface Exposure {
  /** The split's salt. */
  readonly salt: string;
  /** Of salt and request key, 32 hexadecimal digits: keys may be names of people. */
  readonly keyHash: string;
  readonly arm: Arm;
  /** When the key came first. */
  readonly at: Date;
}

/** Exposures of one split. */
export interface ExposureCount {
  readonly stable: number;
  readonly candidate: number;
  /** Keys that were seen in the other arm as well: assignment was not sticky. */
  readonly crossed: number;
}

/** Exposures that gateways have recorded, each key once: the first one stands. */
export abstract class ExposureLog {
  /** Idempotent. */
  abstract add(exposures: readonly Exposure[]): Promise<void>;
  abstract count(salt: string): Promise<ExposureCount>;
  /** Forgets a split. */
  abstract forget(salt: string): Promise<void>;
}

/** Scores rows with any version, off the request path. */
export abstract class Scorer {
  /**
   * @param inputs rows flattened in row-major order, length = rows × row size
   * @returns one prediction a row: class index and its softmax probability, or the value and null for regression
   * @throws ScoringFailed
   */
  abstract score(
    model: string,
    digest: Digest,
    inputs: Float32Array,
    rows: number,
  ): Promise<{ readonly prediction: number; readonly confidence: number | null }[]>;
}

/** Where answers go. Implemented by telemetry; must return at once and never throw: what it cannot take it counts as shed. */
export abstract class AnswerSink {
  abstract accept(answer: Answer): void;
}

/** Where a gateway says how much it answered, so that it is known what telemetry has missed. Implemented by telemetry. */
export abstract class ServedSink {
  /** Resolves when the counts are durable; a count may be told many times, and the largest one stays. @throws RatchetError when it must be told again */
  abstract report(counts: readonly ServedCount[]): Promise<void>;
}

/** What must be known of a version to run it. */
export interface Runnable {
  readonly digest: Digest;
  readonly input: TensorContract;
  readonly output: TensorContract;
}

/** The raw output of one run. */
export interface EngineOutput {
  /** Row-major. */
  readonly values: Float32Array;
  /** As the runtime stated it, batch first. */
  readonly shape: readonly number[];
  /** The run alone, without waiting. */
  readonly runMs: number;
}

/** Runs versions. Queues are bounded: it answers or refuses, it never piles up. */
export abstract class InferenceEngine {
  /** Makes a version ready; idempotent. Rejects when it cannot run or breaks the contract. @throws VersionUnloadable */
  abstract load(version: Runnable): Promise<void>;
  /**
   * Runs `rows` rows; loads the version first when it is not ready.
   * @throws EngineOverloaded @throws EngineTimeout @throws EngineFailed @throws VersionUnloadable @throws EngineClosed
   */
  abstract infer(version: Runnable, values: Float32Array, rows: number): Promise<EngineOutput>;
  /** Frees every version that is not among these, once the last request for it was answered. */
  abstract keepOnly(digests: ReadonlySet<Digest>): void;
  abstract close(): Promise<void>;
}

/** Token of the engine that serves requests. */
export abstract class ServingEngine extends InferenceEngine {}

/** Token of the engine for what nobody waits for: mirrored requests and re-scoring. Its thread is its own. */
export abstract class BackgroundEngine extends InferenceEngine {}

/** Where a gateway tells what it does, for `GatewayStatus`. */
export abstract class GatewayRegister {
  /** The epoch in force for each model, 0 for one whose wanted route is not in force; also says that the gateway lives. `arm`: what it is pinned to; split when absent. */
  abstract report(instance: string, epochs: ReadonlyMap<string, number>, arm?: GatewayArm): Promise<void>;
  /** The gateway goes away in good order. */
  abstract leave(instance: string): Promise<void>;
}
