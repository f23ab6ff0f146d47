/**
 * {@link Consensus} over an etcd cluster (3.4 or later), through the JSON gateway of its members.
 *
 * Invariants:
 * - A transaction is sent once. When no answer comes its outcome is unknown and stays so: it is
 *   `unavailable`, and whoever sent it reads to learn what happened. Reads, leases and compactions are
 *   repeated at the next member.
 * - Reads are linearizable and never older than anything this store has told before: an answer with
 *   an older revision comes from a member with another past, and is refused.
 * - A watch resumes where it was, at another member if need be, and never skips a revision.
 *
 * Faults: those of {@link EtcdGateway}. A watch goes on through all of them, as long as the history it
 * needs is kept; what happens to it meanwhile is told to `onTrouble`.
 *
 * @module
 */

import { assert, AssertionError } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { GitStratumError, hasCode } from "../error.ts";
import type { Fetcher } from "../rpc/fetcher.ts";
import type {
  Consensus,
  KeyRange,
  KeyValue,
  RangeResult,
  Revision,
  Transaction,
  TransactionResult,
  WatchEvent,
} from "./consensus.ts";
import { EndpointMonitor } from "./endpoint_monitor.ts";
import { EtcdGateway } from "./etcd_gateway.ts";
import {
  alarmAnswerSchema,
  answerSchema,
  type EtcdHeader,
  grantAnswerSchema,
  keepAliveAnswerSchema,
  rangeAnswerSchema,
  rangeBody,
  toKeyValue,
  transactionAnswerSchema,
  transactionBody,
  watchBody,
} from "./etcd_wire.ts";
import { readWatch } from "./etcd_watch_stream.ts";
import { type RangePage, readRange } from "./etcd_range.ts";
import { checkKey, checkTransaction } from "./transaction.ts";

/** The world of an etcd store. */
export interface EtcdConsensusOptions {
  /** Base URLs of the members' client ports, the preferred one first; no slash at the end. */
  readonly endpoints: readonly string[];
  /** Carries requests to them. */
  readonly fetcher: Fetcher;
  /** Counts timeouts and pauses. */
  readonly clock: Clock;
  /** Longest wait for one member's answer in milliseconds; longer than an election takes. */
  readonly timeoutMs?: number;
  /** How often members that watches depend on are checked, in milliseconds. */
  readonly checkIntervalMs?: number;
  /** Told when a watch has to be opened anew, and why. */
  readonly onTrouble?: (error: unknown) => void;
}

/** An election takes one to two seconds with etcd's defaults. */
const TIMEOUT_MS = 4000;
/** A member that was stopped must not cost the lease: another one is asked within its time. */
const KEEP_ALIVE_TIMEOUT_MS = 1000;
const CHECK_INTERVAL_MS = 3000;
/** Pauses between attempts to open a watch: the first, and the longest after doublings. */
const REOPEN_MS = 50;
const REOPEN_MS_MAX = 2000;
/** A key that nobody writes: reading it shows that a member serves. */
const CHECKED_KEY = "!";
const LEASE_ID = /^[1-9][0-9]{0,18}$/;

/** The consensus store of a cluster. */
export class EtcdConsensus implements Consensus {
  readonly #gateway: EtcdGateway;
  readonly #monitor: EndpointMonitor;
  readonly #clock: Clock;
  readonly #onTrouble: (error: unknown) => void;
  /** The newest revision heard of. */
  #revision: Revision = 0;
  #mayBeFull = false;

  /** Makes a store; nothing is sent yet. */
  constructor(options: EtcdConsensusOptions) {
    const { clock } = options;
    this.#clock = clock;
    this.#onTrouble = options.onTrouble ?? (() => {});
    this.#gateway = new EtcdGateway({ ...options, timeoutMs: options.timeoutMs ?? TIMEOUT_MS });
    this.#monitor = new EndpointMonitor((endpoint) => this.#checkEndpoint(endpoint), {
      clock,
      intervalMs: options.checkIntervalMs ?? CHECK_INTERVAL_MS,
      servedAtMs: (endpoint) => this.#gateway.servedAtMs(endpoint),
    });
  }

  /** Reads one key. */
  async get(key: string): Promise<KeyValue | undefined> {
    checkKey(key);
    const answer = await this.#read({ from: key }, {});
    const found = answer.kvs[0];
    return found === undefined ? undefined : toKeyValue(found);
  }

  /** Reads a range in key order; a large one in pages of the same revision. */
  async range(range: KeyRange, options: { readonly limit?: number } = {}): Promise<RangeResult> {
    return await readRange((part, page) => this.#read(part, page), { range, ...options });
  }

  /**
   * Decides and applies a transaction, in one request that is never repeated.
   *
   * @throws `disk-full` when etcd refuses growth since before the call
   */
  async transact(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    if (this.#mayBeFull) await this.#checkRoom(transaction);
    try {
      const answer = await this.#gateway.tell("/v3/kv/txn", {
        body: transactionBody(transaction),
        schema: transactionAnswerSchema,
        verify: this.#atLeast(this.#revision),
      });
      return { succeeded: answer.succeeded, revision: answer.header.revision };
    } catch (error) {
      throw this.#explainRefusal(error);
    }
  }

  /** Streams changes of a range; see {@link Consensus.watch}. */
  async *watch(
    range: KeyRange,
    options: { readonly after: Revision; readonly signal: AbortSignal },
  ): AsyncIterable<readonly WatchEvent[]> {
    const ended = AbortSignal.any([options.signal, this.#gateway.closed]);
    const position = { after: options.after, created: false };
    let pauseMs = REOPEN_MS;
    while (!ended.aborted) {
      try {
        position.created = false;
        yield* this.#watchOnce(range, position, ended);
      } catch (error) {
        if (ended.aborted) return;
        if (!hasCode(error, "unavailable")) throw error;
        this.#onTrouble(error);
        pauseMs = position.created ? REOPEN_MS : Math.min(2 * pauseMs, REOPEN_MS_MAX);
        await this.#pause(pauseMs, ended);
      }
    }
  }

  /** Makes a lease; etcd counts whole seconds, so it may live up to one longer. */
  async grantLease(ttlMs: number): Promise<string> {
    assert(Number.isSafeInteger(ttlMs) && ttlMs > 0, "A lease lives for whole milliseconds");
    // When an answer is lost the lease is unknown to all and ends by itself: asking again is safe.
    const { ID } = await this.#gateway.ask("/v3/lease/grant", {
      body: { TTL: `${Math.ceil(ttlMs / 1000)}` },
      schema: grantAnswerSchema,
    });
    return ID;
  }

  /** Prolongs a lease. */
  async keepAlive(lease: string): Promise<void> {
    if (LEASE_ID.test(lease)) {
      const { result } = await this.#gateway.ask("/v3/lease/keepalive", {
        body: { ID: lease },
        schema: keepAliveAnswerSchema,
        timeoutMs: KEEP_ALIVE_TIMEOUT_MS,
      });
      if (result.TTL > 0) return;
    }
    throw new GitStratumError("not-found", "Find no living lease", { data: { lease } });
  }

  /** Ends a lease and deletes its keys. */
  async revokeLease(lease: string): Promise<void> {
    if (!LEASE_ID.test(lease)) return;
    try {
      await this.#gateway.ask("/v3/lease/revoke", { body: { ID: lease }, schema: answerSchema });
    } catch (error) {
      if (!hasCode(error, "not-found")) throw error;
    }
  }

  /** Forgets history for every user of the cluster; an older compaction's revision is no error. */
  async compact(revision: Revision): Promise<void> {
    try {
      await this.#gateway.ask("/v3/kv/compaction", {
        body: { revision: `${revision}` },
        schema: answerSchema,
      });
    } catch (error) {
      if (!hasCode(error, "not-found")) throw error;
    }
  }

  /** Ends watches and calls; the cluster stays as it is, leases run out. */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async close(): Promise<void> {
    this.#gateway.close();
  }

  /** A linearizable read, or one of a past revision. */
  #read(range: { readonly from: string; readonly to?: string }, options: RangePage) {
    return this.#gateway.ask("/v3/kv/range", {
      body: rangeBody(range, options),
      schema: rangeAnswerSchema,
      verify: this.#atLeast(this.#revision),
    });
  }

  /** Takes note of an answer's revision, once it is known to continue the past that was told of. */
  #atLeast(floor: Revision): (answer: { readonly header: EtcdHeader }) => void {
    return ({ header }) => {
      if (header.revision < floor) {
        throw new GitStratumError("unavailable", "Hear from a member with an older past", {
          data: { wanted: floor, found: header.revision },
        });
      }
      this.#revision = Math.max(this.#revision, header.revision);
    };
  }

  async #checkEndpoint(endpoint: string): Promise<void> {
    await this.#gateway.askAt(endpoint, "/v3/kv/range", {
      body: rangeBody({ from: CHECKED_KEY }),
      schema: rangeAnswerSchema,
      verify: this.#atLeast(this.#revision),
    });
  }

  /**
   * Etcd may apply the very transaction that it answers to be full for, so that answer leaves the
   * outcome open. Once the alarm is known to be on, nothing is sent and nothing happens.
   */
  #explainRefusal(error: unknown): unknown {
    if (hasCode(error, "disk-full")) {
      this.#mayBeFull = true;
      return new GitStratumError("unavailable", "Meet an etcd that has just run full", {
        cause: error,
      });
    }
    if (!hasCode(error, "not-found")) return error;
    return new GitStratumError("invalid", "Attach keys to living leases only", { cause: error });
  }

  async #checkRoom(transaction: Transaction): Promise<void> {
    const changes = [...transaction.then, ...transaction.otherwise ?? []];
    // Deletes are what makes room again.
    if (!changes.some(({ kind }) => kind === "put")) return;
    const { alarms } = await this.#gateway.ask("/v3/maintenance/alarm", {
      body: { action: "GET" },
      schema: alarmAnswerSchema,
    });
    if (alarms.some(({ alarm }) => alarm === "NOSPACE")) {
      throw new GitStratumError("disk-full", "Find no room in etcd");
    }
    this.#mayBeFull = false;
  }

  async #pause(ms: number, ended: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(ms, ended);
    } catch (error) {
      if (!ended.aborted) throw error;
    }
  }

  /** One stream, from the position on; moves the position along. */
  async *#watchOnce(
    range: KeyRange,
    position: { after: Revision; created: boolean },
    ended: AbortSignal,
  ): AsyncGenerator<readonly WatchEvent[]> {
    const endpoint = this.#gateway.preferred;
    const silent = new AbortController();
    const release = this.#monitor.depend(endpoint, (error) => silent.abort(error));
    try {
      const stream = await this.#gateway.openAt(endpoint, "/v3/watch", {
        body: watchBody(range, position.after + 1),
        signal: AbortSignal.any([ended, silent.signal]),
      });
      for await (const step of readWatch(stream)) {
        switch (step.kind) {
          case "created":
            this.#gateway.checkHeader({ cluster_id: step.clusterId });
            position.created = true;
            break;
          case "events":
            position.after = step.events.at(-1)!.revision;
            yield step.events;
            break;
          case "progress":
            position.after = Math.max(position.after, step.revision);
        }
        if (ended.aborted) return;
      }
    } catch (error) {
      const failure = watchFailure(silent.signal.aborted ? silent.signal.reason : error);
      if (hasCode(failure, "unavailable")) this.#gateway.avoid(endpoint);
      throw failure;
    } finally {
      release();
    }
  }
}

/** A stream that breaks is no bug of ours, and every other error of the world has its code. */
function watchFailure(error: unknown): unknown {
  if (error instanceof GitStratumError || error instanceof AssertionError) return error;
  return new GitStratumError("unavailable", "Lose a watch", { cause: error });
}
