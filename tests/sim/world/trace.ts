/**
 * What happened in a run, as one number: two runs that did the same have the same.
 *
 * @module
 */

const PRIME = 0x01000193;

/** A running hash (FNV-1a, 2 × 32 bits) of events and their times; keeps the last few for people. */
export class Trace {
  #low = 0x811c9dc5;
  #high = 0x9dc5811c;
  readonly #onLine: ((line: string) => void)[] = [];

  /** Takes an event in. */
  add(atMs: number, label: string): void {
    // Times have fractions where clocks run at different speeds.
    const line = `${atMs.toFixed(3)} ${label}`;
    for (let index = 0; index < line.length; index++) {
      const code = line.charCodeAt(index);
      this.#low = Math.imul(this.#low ^ code, PRIME);
      this.#high = Math.imul(this.#high ^ (code + 1), PRIME) ^ (this.#low >>> 15);
    }
    for (const tell of this.#onLine) tell(line);
  }

  /** Tells each line from now on. */
  listen(tell: (line: string) => void): void {
    this.#onLine.push(tell);
  }

  /** The hash as 16 hexadecimal digits. */
  get hash(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }
}
