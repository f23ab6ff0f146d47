/**
 * How long an address that keeps failing to authenticate waits for its next refusal.
 *
 * Nobody finds a token or a key by trying; what is held down here is the noise of those who try. Some
 * failures are free, because clients offer every key that they have, and because many people may share
 * an address. Only refusals wait: whoever has a good credential is never slowed by others.
 *
 * Bounded: the table forgets the address that has been quiet for longest, and so many refusals wait at
 * once; more are given at once as a refusal to listen.
 *
 * @module
 */

import {
  type Clock,
  FAILED_ATTEMPT_ADDRESS_COUNT_MAX,
  FAILED_ATTEMPT_MEMORY_MS,
  FAILED_ATTEMPT_WAIT_COUNT_MAX,
  FAILED_ATTEMPT_WAIT_MS_MAX,
  GitStratumError,
} from "@gitstratum/core";

/** Failures of an address that are refused at once. */
const FREE_COUNT = 20;
const FIRST_WAIT_MS = 100;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
}

/** Remembers who failed. */
export class FailedAttempts {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #failures = new Map<string, Failures>();
  #waitingCount = 0;

  /** Makes a memory without failures. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Addresses that are remembered. */
  get addressCount(): number {
    return this.#failures.size;
  }

  /** Refusals that wait now. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /**
   * Takes note of a failure; resolves when it may be told.
   *
   * @throws `denied` when too many wait already; what the signal says when it aborts
   */
  async fail(remoteAddress: string | undefined, signal?: AbortSignal): Promise<void> {
    const waitMs = this.#note(networkOf(remoteAddress));
    if (waitMs === 0) return;
    if (this.#waitingCount >= FAILED_ATTEMPT_WAIT_COUNT_MAX) {
      throw new GitStratumError("denied", "Listen to no more failed attempts now");
    }
    this.#waitingCount++;
    try {
      await this.#clock.sleep(waitMs, signal);
    } finally {
      this.#waitingCount--;
    }
  }

  #note(network: string): number {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#failures.get(network);
    const isFresh = known !== undefined && nowMs - known.lastMs < FAILED_ATTEMPT_MEMORY_MS;
    const count = (isFresh ? known.count : 0) + 1;
    this.#failures.delete(network);
    this.#failures.set(network, { count, lastMs: nowMs });
    if (this.#failures.size > FAILED_ATTEMPT_ADDRESS_COUNT_MAX) {
      const [oldest] = this.#failures.keys();
      this.#failures.delete(oldest!);
    }
    const beyond = count - FREE_COUNT;
    if (beyond <= 0) return 0;
    return Math.min(FIRST_WAIT_MS * 2 ** (beyond - 1), FAILED_ATTEMPT_WAIT_MS_MAX);
  }
}

/** What counts as one: an address of IPv4, the half of one of IPv6 that a customer gets whole. */
export function networkOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return "unknown";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remoteAddress)?.[1];
  if (mapped !== undefined) return mapped;
  if (!remoteAddress.includes(":")) return remoteAddress;
  const [head = "", tail] = remoteAddress.toLowerCase().split("%")[0]!.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const groups = [...first, ...Array<string>(zeros).fill("0"), ...last];
  return `${groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}
