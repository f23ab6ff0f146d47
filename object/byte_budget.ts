/**
 * A budget of bytes that requests share: who finds it spent waits in line.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

interface Waiter {
  readonly bytes: number;
  admit(): void;
}

/** Bounds the bytes that are in memory for requests at a time. */
export class ByteBudget {
  readonly #bytesMax: number;
  readonly #waiters: Waiter[] = [];
  #used = 0;

  /** A budget of `bytesMax` bytes. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** Runs `action` with `bytes` of the budget, once they are free; in order of arrival. */
  async spend<T>(bytes: number, action: () => Promise<T>): Promise<T> {
    assert(bytes <= this.#bytesMax, "A request fits the budget");
    await this.#acquire(bytes);
    try {
      return await action();
    } finally {
      this.#used -= bytes;
      this.#admitWaiting();
    }
  }

  #acquire(bytes: number): Promise<void> | undefined {
    if (this.#waiters.length === 0 && this.#fits(bytes)) {
      this.#used += bytes;
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ bytes, admit: resolve });
    return promise;
  }

  #admitWaiting(): void {
    while (this.#waiters.length > 0 && this.#fits(this.#waiters[0]!.bytes)) {
      const waiter = this.#waiters.shift()!;
      this.#used += waiter.bytes;
      waiter.admit();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used + bytes <= this.#bytesMax;
  }
}
