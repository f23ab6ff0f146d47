/**
 * A lease in the consensus store and what is claimed under it: the right to do something that only one
 * process may do at a time. Each claim is a key that lives and dies with the lease. Keys and values:
 * `docs/formats/control-keys.md`.
 *
 * Invariants:
 * - The end of a term is counted from the moment at which the last keep-alive that succeeded was sent,
 *   and lies before the end that the store counts by a margin. A term that ended here never revives,
 *   not even by an answer that comes late.
 * - A claim's key is written only where none is, and names the term's lease. So it stays this term's
 *   until it is deleted here or the store ends the lease.
 *
 * Fault model: the process may stop at any point for any time. The margin covers clocks that differ in
 * speed by a tenth. A machine that is suspended as a whole, so that its monotonic clock stands still
 * while it is away, is outside the model: it must not be woken, but started anew.
 *
 * @module
 */

import { assert } from "../../assert.ts";
import { type Clock, sleptWhole } from "../../clock.ts";
import { type Compare, type Consensus, prefixRange } from "../../consensus/consensus.ts";
import { GitStratumError, hasCode, toError } from "../../error.ts";
import type { Logger } from "../../logger.ts";
import { ClaimWatch } from "./claim_watch.ts";

/** A write whose answer was lost may still take effect for so long; longer than any is under way. */
const SWEEP_MS = 30_000;

/** How a lease is counted, in milliseconds. */
export interface LeaseTimes {
  /** How long the store keeps a lease that is not renewed. */
  readonly ttlMs: number;
  /** How long before that the holder takes it for ended. */
  readonly marginMs: number;
  /** How often it is renewed. */
  readonly renewMs: number;
}

/** The world of a lease. */
export interface StoreLeaseOptions {
  /** Holds the lease; stays its owner's to close. */
  readonly consensus: Consensus;
  /** Named in the claims, for people who look. */
  readonly holder: string;
  /** What all keys of the claims start with. */
  readonly prefix: string;
  /** How the lease is counted. */
  readonly times: LeaseTimes;
  /** Counts it. */
  readonly clock: Clock;
  /** Told when the lease is lost. */
  readonly logger: Logger;
}

/** Something that is this process's, for as long as its lease lives. */
export interface StoreClaim {
  /** What is claimed. */
  readonly name: string;
  /** Whether it is this process's at this moment. Never true again once it was false. */
  holds(): boolean;
  /** When it ends unless it is prolonged, by the monotonic clock; `-Infinity` once it is lost. */
  readonly lostAtMs: number;
  /** Aborts when it is lost or released. */
  readonly lost: AbortSignal;
  /** Holds in the store as long as nobody else could have claimed: fences a transaction. */
  readonly guard: Compare;
  /** Lets others claim. When the store is away that is done later, but given up here at once. */
  release(): Promise<void>;
}

/** One life of the store's lease. */
interface Term {
  readonly lease: string;
  /** By the node's monotonic clock; before the store's own end. */
  provenUntilMs: number;
  readonly ended: AbortController;
  readonly claims: Map<string, HeldClaim>;
}

/** What stands in the store for a claim. */
interface Stake {
  readonly key: string;
  readonly term: Term;
  readonly value: Uint8Array;
}

/** A claim under a term. */
class HeldClaim implements StoreClaim {
  readonly name: string;
  readonly guard: Compare;
  readonly #term: Term;
  readonly #clock: Clock;
  readonly #release: (claim: HeldClaim) => Promise<void>;
  readonly #lost = new AbortController();

  constructor(
    name: string,
    options: {
      readonly term: Term;
      readonly guard: Compare;
      readonly clock: Clock;
      readonly release: (claim: HeldClaim) => Promise<void>;
    },
  ) {
    this.name = name;
    this.guard = options.guard;
    this.#term = options.term;
    this.#clock = options.clock;
    this.#release = options.release;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get lostAtMs(): number {
    return this.#lost.signal.aborted ? -Infinity : this.#term.provenUntilMs;
  }

  holds(): boolean {
    return this.#clock.monotonicMs() < this.lostAtMs;
  }

  lose(): void {
    this.#lost.abort();
  }

  async release(): Promise<void> {
    if (this.#lost.signal.aborted) return;
    this.lose();
    await this.#release(this);
  }
}

/** A lease in a consensus store. */
export class StoreLease {
  readonly #options: StoreLeaseOptions;
  readonly #watch: ClaimWatch;
  readonly #stop = new AbortController();
  /** Keys that are being written now. */
  readonly #attempted = new Set<string>();
  #valueCount = 0;
  /** Until when claims that nobody holds are looked for. */
  #sweepUntilMs = -Infinity;
  #term: Term | undefined;
  /** The lease of the term before, which may outlive it in the store. */
  #formerLease: string | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: StoreLeaseOptions) {
    this.#options = options;
    const { consensus, clock, logger } = options;
    const onTrouble = (error: unknown) =>
      logger.warn("Lose the watch on claims", { error: toError(error) });
    this.#watch = new ClaimWatch({ consensus, clock, prefix: options.prefix, onTrouble });
  }

  /** Takes a lease and keeps it until {@link StoreLease.close}; tries on when there is none. */
  static async open(options: StoreLeaseOptions): Promise<StoreLease> {
    const lease = new StoreLease(options);
    await lease.#renew();
    lease.#running = lease.#run();
    return lease;
  }

  /** Whether the lease lives at this moment. */
  lives(): boolean {
    return this.#options.clock.monotonicMs() < this.lostAtMs;
  }

  /** When the lease ends unless it is prolonged, by the monotonic clock; `-Infinity` without one. */
  get lostAtMs(): number {
    return this.#term?.provenUntilMs ?? -Infinity;
  }

  /**
   * Waits until nobody else has what is named, and claims it; once at a time for each name.
   *
   * @throws `aborted` when the signal aborts or the lease is closed
   */
  async claim(name: string, signal: AbortSignal): Promise<StoreClaim> {
    const either = AbortSignal.any([signal, this.#stop.signal]);
    const claim = await this.#watch.until(
      this.#keyOf(name),
      either,
      (wasQuiet) => this.#tryClaim(name, wasQuiet),
    );
    if (claim !== undefined && !either.aborted) return claim;
    await claim?.release();
    throw new GitStratumError("aborted", "Wait no longer for a claim", { data: { name } });
  }

  /** Loses every claim and lets others have them. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#watch.close();
    const term = this.#term;
    if (term === undefined) return;
    this.#end(term);
    await this.#revokeFormer();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { renewMs } = this.#options.times;
    let pauseMs = renewMs;
    while (await sleptWhole(this.#options.clock, pauseMs, signal)) {
      // What failed is tried again soon: a store that elects its leader is back any moment.
      pauseMs = await this.#renew() ? renewMs : renewMs / 4;
    }
  }

  /** Prolongs the term, or begins one; tells whether the store answered. */
  async #renew(): Promise<boolean> {
    try {
      if (this.#term === undefined) await this.#begin();
      else await this.#prolong(this.#term);
      await this.#sweep();
      return true;
    } catch (error) {
      this.#options.logger.warn("Fail to renew a lease", { error: toError(error) });
      return false;
    }
  }

  async #begin(): Promise<void> {
    const { consensus, clock, logger } = this.#options;
    await this.#revokeFormer();
    const sentMs = clock.monotonicMs();
    const lease = await consensus.grantLease(this.#options.times.ttlMs);
    const provenUntilMs = this.#provenUntilMs(sentMs);
    this.#formerLease = lease;
    if (clock.monotonicMs() >= provenUntilMs || this.#stop.signal.aborted) return;
    const term: Term = { lease, provenUntilMs, ended: new AbortController(), claims: new Map() };
    this.#term = term;
    logger.info("Begin the term of a lease", { holder: this.#options.holder, lease });
    this.#guard(term).catch((error) => logger.error("Fail to guard a lease", { error }));
    this.#watch.wakeAll();
  }

  async #prolong(term: Term): Promise<void> {
    const { consensus, clock } = this.#options;
    const sentMs = clock.monotonicMs();
    try {
      await consensus.keepAlive(term.lease);
    } catch (error) {
      if (!hasCode(error, "not-found")) throw error;
      this.#end(term);
      return await this.#begin();
    }
    if (clock.monotonicMs() >= term.provenUntilMs) return this.#end(term);
    term.provenUntilMs = this.#provenUntilMs(sentMs);
  }

  /** Ends a term at its time, whatever its keep-alives are doing. */
  async #guard(term: Term): Promise<void> {
    const { clock } = this.#options;
    const { signal } = term.ended;
    for (;;) {
      const leftMs = term.provenUntilMs - clock.monotonicMs();
      if (leftMs <= 0) return this.#end(term);
      if (!await sleptWhole(this.#options.clock, leftMs, signal)) return;
    }
  }

  #end(term: Term): void {
    if (term.ended.signal.aborted) return;
    term.ended.abort();
    // Whoever asks from here on finds the claim lost, whatever the clock says.
    term.provenUntilMs = -Infinity;
    if (this.#term === term) this.#term = undefined;
    for (const claim of term.claims.values()) claim.lose();
    if (this.#stop.signal.aborted) return;
    this.#options.logger.warn("Lose a lease", {
      holder: this.#options.holder,
      claims: term.claims.size,
    });
  }

  #provenUntilMs(sentMs: number): number {
    const { ttlMs, marginMs } = this.#options.times;
    return sentMs + ttlMs - marginMs;
  }

  #keyOf(name: string): string {
    return this.#options.prefix + name;
  }

  async #tryClaim(name: string, wasQuiet: boolean): Promise<HeldClaim | undefined> {
    const term = this.#term;
    if (term === undefined) return undefined;
    const { clock, logger } = this.#options;
    assert(!term.claims.has(name), "A name is claimed once at a time");
    const value = this.#newValue(term);
    const key = this.#keyOf(name);
    this.#attempted.add(key);
    try {
      // Also a write that is refused goes through the store's log, and is synced by all its members.
      if (wasQuiet && await this.#isTaken(key, term)) return undefined;
      if (!await this.#write({ key, term, value })) return undefined;
      if (term.ended.signal.aborted) return undefined;
      const guard = { key, target: "value", operator: "=", value } as const;
      const release = (claim: HeldClaim) => this.#release(claim, { key, term, value });
      const claim = new HeldClaim(name, { term, guard, clock, release });
      term.claims.set(name, claim);
      return claim;
    } catch (error) {
      if (hasCode(error, "invalid")) this.#end(term);
      this.#doubt();
      logger.warn("Fail to write a claim", { key, error: toError(error) });
      return undefined;
    } finally {
      this.#attempted.delete(key);
    }
  }

  /** Whether another one has the claim. */
  async #isTaken(key: string, { lease }: Term): Promise<boolean> {
    const found = await this.#options.consensus.get(key);
    return found !== undefined && found.lease !== lease;
  }

  /** Whether the claim stands in the store with this value. */
  async #write({ key, term, value }: Stake): Promise<boolean> {
    const { consensus } = this.#options;
    const put = { kind: "put", key, value, lease: term.lease } as const;
    const free = { key, target: "version", operator: "=", value: 0 } as const;
    if ((await consensus.transact({ compares: [free], then: [put] })).succeeded) return true;
    const found = await consensus.get(key);
    if (found?.lease !== term.lease) return false;
    // Left by a write whose answer was lost, or by a release that has not arrived.
    const { modRevision } = found;
    const same = { key, target: "modRevision", operator: "=", value: modRevision } as const;
    return (await consensus.transact({ compares: [same], then: [put] })).succeeded;
  }

  async #release(claim: HeldClaim, { key, term }: Stake): Promise<void> {
    if (term.claims.get(claim.name) === claim) term.claims.delete(claim.name);
    if (term.ended.signal.aborted) return;
    try {
      await this.#options.consensus.transact({
        compares: [claim.guard],
        then: [{ kind: "delete", key }],
      });
    } catch (error) {
      this.#doubt();
      const facts = { key, error: toError(error) };
      this.#options.logger.warn("Fail to release a claim, try again later", facts);
    }
  }

  /** A write of unknown outcome may have left a claim that nobody holds, or may do so yet. */
  #doubt(): void {
    this.#sweepUntilMs = this.#options.clock.monotonicMs() + SWEEP_MS;
  }

  /** Deletes claims of the term that nobody here holds or is about to hold. */
  async #sweep(): Promise<void> {
    const { consensus, clock } = this.#options;
    const term = this.#term;
    if (term === undefined || clock.monotonicMs() >= this.#sweepUntilMs) return;
    const { entries } = await consensus.range(prefixRange(this.#options.prefix));
    for (const { key, lease, modRevision } of entries) {
      const name = key.slice(this.#options.prefix.length);
      if (lease !== term.lease) continue;
      if (term.claims.has(name) || this.#attempted.has(key)) continue;
      await consensus.transact({
        compares: [{ key, target: "modRevision", operator: "=", value: modRevision }],
        then: [{ kind: "delete", key }],
      });
    }
  }

  /** Lets others have at once what the store would keep until the old lease runs out. */
  async #revokeFormer(): Promise<void> {
    if (this.#formerLease === undefined) return;
    try {
      await this.#options.consensus.revokeLease(this.#formerLease);
      this.#formerLease = undefined;
    } catch (error) {
      this.#options.logger.warn("Leave a lease to run out", { error: toError(error) });
    }
  }

  /** Never the same twice, so that a late release deletes nothing that was claimed anew. */
  #newValue({ lease }: Term): Uint8Array {
    const claim = { holder: this.#options.holder, lease, count: ++this.#valueCount };
    return new TextEncoder().encode(JSON.stringify(claim));
  }
}
