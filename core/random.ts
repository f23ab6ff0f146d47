/**
 * Randomness as a dependency, so that a simulated cluster replays from a seed.
 *
 * @module
 */

/** A source of random bytes. */
export interface Random {
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

/** Cryptographically secure randomness of the runtime. */
export const systemRandom: Random = {
  bytes(count) {
    return crypto.getRandomValues(new Uint8Array(count));
  },
};

/** A new 128-bit identifier as 32 lower-case hexadecimal digits. */
export function randomId(random: Random): string {
  return random.bytes(16).toHex();
}
