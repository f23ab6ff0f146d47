/**
 * What one frontend may spend of the cluster's limits: it answers at once, from what it has borrowed.
 *
 * A pure state machine. `spend` answers requests; now and then its owner takes `reports`, carries them
 * to the ledger (`rate_ledger.ts`) and hands the grants back with `settled`.
 *
 * - A subject that was not seen before begins with its share of the burst: the burst divided by the
 *   number of frontends. That was not borrowed, so it is owed.
 * - While there is enough, that share is kept ready. Beyond it, what is borrowed follows what is asked
 *   for: refused requests count as asked for, since they show how much more could be spent here than
 *   elsewhere.
 * - While the ledger is away, each subject gets its share of the rate as time goes by, owed as well.
 *
 * Invariants: no answer waits for anything. The number of subjects is bounded; those unused for longest
 * go first, and take what they had with them.
 *
 * @module
 */

import { RATE_PURSE_KEY_COUNT_MAX, RATE_SETTLE_MS } from "../limits.ts";
import type { RateGrant, RateReport } from "./rate_ledger.ts";
import { type RateRule, refillMs } from "./rate_rule.ts";
import { type RateKey, rateKey, type RateSubject } from "./rate_subject.ts";

/** What a request is told. */
export type RateAnswer =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly retryAfterMs: number };

/** The moment of a call. */
export interface RateMoment {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Frontends that serve, this one included. */
  readonly frontendCount: number;
}

interface Pocket {
  rule: RateRule;
  balance: number;
  owed: number;
  /** Requests since the last report, refused ones included. */
  asked: number;
  /** The same of the reports before, fading. */
  askedBefore: number;
  /** Requests were refused since the last report. */
  isShort: boolean;
  usedAtMs: number;
  filledAtMs: number;
}

const ALLOWED: RateAnswer = { allowed: true };
/** A ledger that was silent for so long is away: some settlements may be late. */
export const RATE_LEDGER_SILENCE_MS: number = 10 * RATE_SETTLE_MS;
/** What is kept ready beyond what the next moments will need. */
const RESERVE_FACTOR = 1.5;

/** Borrowed tokens by subject. */
export class RatePurse {
  /** In order of use, oldest first. */
  readonly #pockets = new Map<RateKey, Pocket>();
  /** What changed since the last report. */
  readonly #changed = new Set<RateKey>();
  /** When the first report was taken that no answer followed. */
  #unansweredSinceMs: number | undefined;

  /** Subjects that are known. */
  get count(): number {
    return this.#pockets.size;
  }

  /** Whether there is something to report. */
  get hasReports(): boolean {
    return this.#changed.size > 0;
  }

  /** Whether the ledger has not answered for too long. */
  isAlone(nowMs: number): boolean {
    const sinceMs = this.#unansweredSinceMs;
    return sinceMs !== undefined && nowMs - sinceMs > RATE_LEDGER_SILENCE_MS;
  }

  /** Spends one token of a subject, if there is one. */
  spend(subject: RateSubject, rule: RateRule, moment: RateMoment): RateAnswer {
    const key = rateKey(subject);
    const pocket = this.#pocket(key, rule, moment);
    pocket.asked++;
    pocket.usedAtMs = moment.nowMs;
    this.#changed.add(key);
    if (this.isAlone(moment.nowMs)) fillShare(pocket, moment);
    pocket.filledAtMs = moment.nowMs;
    if (pocket.balance >= 1) {
      pocket.balance--;
      return ALLOWED;
    }
    pocket.isShort = true;
    const missing = 1 - pocket.balance;
    return {
      allowed: false,
      retryAfterMs: Math.max(RATE_SETTLE_MS, missing / rule.perSecond * 1000),
    };
  }

  /** Gives the token of a request back that was refused for another reason. */
  refund(subject: RateSubject): void {
    const pocket = this.#pockets.get(rateKey(subject));
    if (pocket === undefined) return;
    pocket.balance++;
    pocket.asked = Math.max(0, pocket.asked - 1);
  }

  /** What the ledger is to be told; at most `countMax` subjects, the rest comes next time. */
  reports(moment: RateMoment, countMax: number): readonly RateReport[] {
    const { nowMs } = moment;
    this.#unansweredSinceMs ??= nowMs;
    const reports: RateReport[] = [];
    for (const key of [...this.#changed].slice(0, countMax)) {
      this.#changed.delete(key);
      const pocket = this.#pockets.get(key);
      if (pocket !== undefined) reports.push(this.#report(key, pocket, moment));
    }
    return reports;
  }

  /** Takes what the ledger granted. */
  settled(grants: readonly RateGrant[]): void {
    this.#unansweredSinceMs = undefined;
    for (const { key, granted } of grants) {
      const pocket = this.#pockets.get(key);
      if (pocket !== undefined) pocket.balance += granted;
    }
  }

  /** The reports did not arrive, or nobody knows: what they owed is owed still. */
  unsettled(reports: readonly RateReport[]): void {
    for (const { key, owed, returned } of reports) {
      const pocket = this.#pockets.get(key);
      if (pocket === undefined) continue;
      pocket.owed += owed;
      // Nobody but the ledger could have them; if it has, they are lent out again and not owed.
      pocket.balance += returned;
      this.#changed.add(key);
    }
  }

  #pocket(key: RateKey, rule: RateRule, moment: RateMoment): Pocket {
    const found = this.#pockets.get(key);
    // Over a whole refill all that was kept would have come anyway, whatever became of it.
    const isStale = found === undefined || moment.nowMs - found.usedAtMs > refillMs(rule) + 1000;
    const pocket = isStale ? newPocket(rule, moment) : found;
    pocket.rule = rule;
    this.#pockets.delete(key);
    this.#pockets.set(key, pocket);
    if (this.#pockets.size > RATE_PURSE_KEY_COUNT_MAX) {
      const [oldest] = this.#pockets.keys();
      this.#pockets.delete(oldest!);
      this.#changed.delete(oldest!);
    }
    return pocket;
  }

  #report(key: RateKey, pocket: Pocket, moment: RateMoment): RateReport {
    const { rule, owed } = pocket;
    const expected = Math.max(pocket.asked, pocket.askedBefore / 2);
    const ready = Math.max(expected * RESERVE_FACTOR + 1, shareOf(rule, moment).burst);
    const target = Math.min(rule.burst, ready);
    const wanted = pocket.asked > 0 || pocket.isShort ? Math.max(0, target - pocket.balance) : 0;
    const returned = Math.max(0, pocket.balance - target);
    pocket.balance -= returned;
    pocket.owed = 0;
    pocket.askedBefore = expected;
    // Once more after the last request, to tell that nothing is wanted any more.
    if (pocket.asked > 0) this.#changed.add(key);
    pocket.asked = 0;
    pocket.isShort = false;
    return { key, rule, owed, returned, wanted };
  }
}

function shareOf(rule: RateRule, { frontendCount }: RateMoment): RateRule {
  const count = Math.max(1, frontendCount);
  return { perSecond: rule.perSecond / count, burst: rule.burst / count };
}

function newPocket(rule: RateRule, moment: RateMoment): Pocket {
  // Whoever may do something at all may do it once.
  const balance = Math.max(1, shareOf(rule, moment).burst);
  return {
    rule,
    balance,
    owed: balance,
    asked: 0,
    askedBefore: 0,
    isShort: false,
    usedAtMs: moment.nowMs,
    filledAtMs: moment.nowMs,
  };
}

/** What came since the last request, while nobody lends. */
function fillShare(pocket: Pocket, moment: RateMoment): void {
  const { perSecond, burst } = shareOf(pocket.rule, moment);
  const passedMs = Math.max(0, moment.nowMs - pocket.filledAtMs);
  const room = Math.max(0, Math.max(1, burst) - pocket.balance);
  const added = Math.min(room, passedMs / 1000 * perSecond);
  pocket.balance += added;
  // More than a burst the ledger has not saved up meanwhile.
  pocket.owed = Math.max(pocket.owed, Math.min(burst, pocket.owed + added));
}
