/**
 * A simulated process's line to the consensus store: late, cut, and at times silent about what it did.
 *
 * The store behind it is the one that all processes share. It may be away or slow, as etcd without a
 * majority or on a busy disk is, and loses nothing. What fails besides is the way there: a request may be lost, or take effect while its answer is lost,
 * long after its caller gave up. Watches go on where they were once the line is mended, as the client
 * of etcd makes them, unless the store has forgotten what came after.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type {
  Consensus,
  KeyRange,
  KeyValue,
  RangeResult,
  Revision,
  Transaction,
  TransactionResult,
  WatchEvent,
} from "@gitstratum/core/consensus";
import type { SimNetwork } from "./sim_network.ts";
import { never, type SimProcess } from "./sim_process.ts";

/** Name of the store's end of all lines. */
export const STORE_HOST = "etcd";
/** A caller gives an answer up after so long, in milliseconds. */
const GIVE_UP_MS = 3000;
/** A request that its caller gave up may arrive so much later, in milliseconds. */
const STRAY_MS_MAX = 2000;

/** Where a line begins. */
export interface SimConsensusOptions {
  readonly store: Consensus;
  readonly network: SimNetwork;
  readonly process: SimProcess;
  /** The process's host. */
  readonly host: string;
}

/** {@link Consensus} for one process. */
export class SimConsensus implements Consensus {
  readonly #options: SimConsensusOptions;
  readonly #closed = new AbortController();

  /** Makes a line; the store stays its owner's to close. */
  constructor(options: SimConsensusOptions) {
    this.#options = options;
  }

  /** Reads one key. */
  get(key: string): Promise<KeyValue | undefined> {
    return this.#call(`get ${key}`, (store) => store.get(key));
  }

  /** Reads a range. */
  range(range: KeyRange, options?: { readonly limit?: number }): Promise<RangeResult> {
    return this.#call(`range ${range.from}`, (store) => store.range(range, options));
  }

  /** Decides a transaction. */
  transact(transaction: Transaction): Promise<TransactionResult> {
    const [first] = transaction.then;
    const what = first?.kind === "deleteRange" ? first.from : first?.key ?? "";
    return this.#call(`transact ${what}`, (store) => store.transact(transaction));
  }

  /** Streams changes; see {@link Consensus.watch}. */
  async *watch(
    range: KeyRange,
    options: { readonly after: Revision; readonly signal: AbortSignal },
  ): AsyncIterable<readonly WatchEvent[]> {
    const { store, process, network, host } = this.#options;
    const ended = new AbortController();
    const forget = process.onEnd(() => ended.abort());
    const signal = AbortSignal.any([options.signal, this.#closed.signal, ended.signal]);
    try {
      for await (const events of store.watch(range, { after: options.after, signal })) {
        await this.#way(network.latencyMs(), `< watch ${range.from}`);
        while (network.isCut(STORE_HOST, host)) await network.healed();
        if (!process.isAlive) await never();
        if (signal.aborted) return;
        yield events;
      }
    } finally {
      forget();
    }
  }

  /** Makes a lease. */
  grantLease(ttlMs: number): Promise<string> {
    return this.#call("grant", (store) => store.grantLease(ttlMs));
  }

  /** Prolongs a lease. */
  keepAlive(lease: string): Promise<void> {
    return this.#call("keep alive", (store) => store.keepAlive(lease));
  }

  /** Ends a lease. */
  revokeLease(lease: string): Promise<void> {
    return this.#call("revoke", (store) => store.revokeLease(lease));
  }

  /** Forgets history. */
  compact(revision: Revision): Promise<void> {
    return this.#call("compact", (store) => store.compact(revision));
  }

  /** Ends the watches of this line. */
  close(): Promise<void> {
    this.#closed.abort();
    return Promise.resolve();
  }

  async #call<T>(what: string, call: (store: Consensus) => Promise<T>): Promise<T> {
    const { store, process, network, host } = this.#options;
    if (!process.act()) return await never();
    if (network.isCut(host, STORE_HOST)) return await this.#lost(what);
    if (network.happens(network.faults.loss)) {
      if (network.happens(0.5)) this.#stray(what, call);
      return await this.#lost(what);
    }
    const storeMs = network.random.below(network.faults.storeMs + 1);
    await this.#travel(network.latencyMs() + storeMs, `${host} > etcd ${what}`);
    const outcome = await call(store).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const isLost = network.happens(network.faults.loss) || network.isCut(STORE_HOST, host);
    if (isLost) return await this.#lost(what);
    await this.#way(network.latencyMs(), `< etcd ${what}`);
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  /** Arrives after its caller gave up, and takes effect. */
  #stray<T>(what: string, call: (store: Consensus) => Promise<T>): void {
    const { store, network, host } = this.#options;
    network.loop.after(network.random.below(STRAY_MS_MAX), `${host} > etcd stray ${what}`, () => {
      call(store).catch(() => {
        // Nobody waits for the answer.
      });
    });
  }

  async #lost(what: string): Promise<never> {
    const { network } = this.#options;
    await this.#way(network.random.below(GIVE_UP_MS), "gives etcd up");
    throw new GitStratumError("unavailable", "Hear nothing from the consensus store", {
      data: { what },
    });
  }

  /** Towards the store: what was sent arrives, whatever becomes of the sender. */
  #travel(ms: number, label: string): Promise<void> {
    return new Promise((resolve) => void this.#options.network.loop.after(ms, label, resolve));
  }

  /** Towards the process. */
  #way(ms: number, label: string): Promise<void> {
    return new Promise((resolve) => void this.#options.process.after(ms, label, resolve));
  }
}
