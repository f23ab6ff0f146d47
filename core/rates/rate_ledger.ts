/**
 * The limits of a cluster, kept in one place and lent to frontends in batches.
 *
 * A frontend settles now and then: it tells what it spent beyond what it had borrowed, what it gives
 * back and what it would like to have, and is granted some. Where several want more than there is,
 * each gets its share by what it wants, so that it does not matter which frontends a client talks to.
 *
 * Invariants: grants of a subject are at most its burst and its rate times the time since the ledger
 * began, less what frontends told that they owe. The number of subjects is bounded: the one unused for longest is forgotten first,
 * which gives it a full bucket, as time would have.
 *
 * Fault model: the ledger is memory. One that begins after another (`startsFull: false`) does not know
 * what that one lent, so its buckets hold no more than what came since it began. A settlement whose
 * answer is lost has lost its grant: the limit is then kept too well for a moment, never too badly.
 *
 * @module
 */

import { RATE_LEDGER_KEY_COUNT_MAX } from "../limits.ts";
import type { RateRule } from "./rate_rule.ts";
import type { RateKey } from "./rate_subject.ts";
import { TokenBucket } from "./token_bucket.ts";

/** What one frontend says about one subject. */
export interface RateReport {
  /** The subject. */
  readonly key: RateKey;
  /** Its limit, as the frontend was told. */
  readonly rule: RateRule;
  /** Tokens that it spent without having them, since its last report. */
  readonly owed: number;
  /** Tokens that it had and will not use. */
  readonly returned: number;
  /** Tokens that it would like to have until it settles again. */
  readonly wanted: number;
}

/** What a frontend may spend from now on. */
export interface RateGrant {
  /** The subject. */
  readonly key: RateKey;
  /** Tokens, fractions included. */
  readonly granted: number;
}

/** How a ledger begins. */
export interface RateLedgerStart {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Nobody lent anything before; otherwise buckets begin with what came since. */
  readonly startsFull: boolean;
}

interface Account {
  readonly bucket: TokenBucket;
  /** What each frontend wanted last, and when. */
  readonly wants: Map<string, { readonly wanted: number; readonly atMs: number }>;
}

/** A want that was not repeated for so long is over: frontends settle several times in it. */
const WANT_LIFE_MS = 500;

/** Lends tokens. */
export class RateLedger {
  readonly #start: RateLedgerStart;
  /** In order of use, oldest first. */
  readonly #accounts = new Map<RateKey, Account>();

  /** An empty ledger. */
  constructor(start: RateLedgerStart) {
    this.#start = start;
  }

  /** Subjects that are known. */
  get count(): number {
    return this.#accounts.size;
  }

  /** Takes the reports of a frontend and answers what it is granted. */
  settle(frontend: string, reports: readonly RateReport[], nowMs: number): readonly RateGrant[] {
    return reports.map((report) => {
      const account = this.#account(report, nowMs);
      account.bucket.owe(report.owed, nowMs);
      account.bucket.give(report.returned, nowMs);
      const granted = grantedOf(account, { frontend, wanted: report.wanted, nowMs });
      if (granted > 0) account.bucket.take(granted, nowMs);
      return { key: report.key, granted };
    });
  }

  /** Tokens that are left of a subject; undefined when it is not known. */
  level(key: RateKey, nowMs: number): number | undefined {
    return this.#accounts.get(key)?.bucket.level(nowMs);
  }

  #account({ key, rule }: RateReport, nowMs: number): Account {
    const known = this.#accounts.get(key);
    known?.bucket.follow(rule, nowMs);
    const account = known ?? { bucket: this.#bucket(rule, nowMs), wants: new Map() };
    this.#accounts.delete(key);
    this.#accounts.set(key, account);
    if (this.#accounts.size > RATE_LEDGER_KEY_COUNT_MAX) {
      this.#accounts.delete(this.#accounts.keys().next().value!);
    }
    return account;
  }

  #bucket(rule: RateRule, nowMs: number): TokenBucket {
    const { startsFull, nowMs: startMs } = this.#start;
    const level = startsFull ? rule.burst : (nowMs - startMs) / 1000 * rule.perSecond;
    return new TokenBucket(rule, { nowMs, level });
  }
}

/** A frontend's share of what is there, by what all want at present. */
function grantedOf(
  { bucket, wants }: Account,
  ask: { readonly frontend: string; readonly wanted: number; readonly nowMs: number },
): number {
  const { frontend, wanted, nowMs } = ask;
  wants.set(frontend, { wanted, atMs: nowMs });
  let others = 0;
  for (const [name, want] of wants) {
    if (nowMs - want.atMs > WANT_LIFE_MS) wants.delete(name);
    else if (name !== frontend) others += want.wanted;
  }
  const level = Math.max(0, bucket.level(nowMs));
  return wanted === 0 ? 0 : Math.min(wanted, level * wanted / (wanted + others));
}
