/**
 * Random data that is the same in each run, of the kinds that matter to compression. For tests.
 *
 * @module
 */

/** A small generator (xorshift, 32 bits) behind what the tests draw. */
export class RandomBytes {
  #state: number;

  /** Every seed but 0 starts a sequence of its own. */
  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1;
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % bound;
  }

  /** One of `choices`. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** The same items in any order. */
  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  }

  /** Bytes without any pattern. */
  noise(bytes: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: bytes }, () => this.below(256));
  }

  /** Bytes that compress as text does: words from a short list, sometimes something new. */
  text(bytes: number): Uint8Array<ArrayBuffer> {
    const result = new Uint8Array(bytes);
    let at = 0;
    while (at < bytes) {
      if (at > 8 && this.below(3) > 0) {
        const distance = 1 + this.below(Math.min(at, this.pick([4, 64, 4096, 40_000])));
        const end = Math.min(bytes, at + 3 + this.below(this.pick([5, 30, 300])));
        while (at < end) {
          result[at] = result[at - distance]!;
          at++;
        }
      } else {
        result[at++] = this.pick([32, 10, 97 + this.below(26), this.below(256)]);
      }
    }
    return result;
  }

  /** Text, noise or one byte over and over. */
  any(bytes: number): Uint8Array<ArrayBuffer> {
    const kind = this.below(5);
    if (kind === 0) return this.noise(bytes);
    if (kind === 1) return new Uint8Array(bytes).fill(this.below(256));
    return this.text(bytes);
  }

  /** A copy with one to three bits flipped. */
  damaged(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const copy = Uint8Array.from(bytes);
    for (let flips = 1 + this.below(3); flips > 0 && copy.length > 0; flips--) {
      copy[this.below(copy.length)]! ^= 1 << this.below(8);
    }
    return copy;
  }
}
