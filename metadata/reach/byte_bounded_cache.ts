/**
 * A cache that is bounded by bytes and forgets what was used longest ago.
 *
 * @module
 */

/** Least recently used first out. */
export class ByteBoundedCache<K, V> {
  readonly #bytesMax: number;
  /** In order of use, oldest first. */
  readonly #entries = new Map<K, { readonly value: V; readonly bytes: number }>();
  #newest: K | undefined;
  #bytes = 0;

  /** Makes an empty cache for `bytesMax` bytes. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that the entries were said to take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The value of a key, which becomes the most recently used. */
  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#newest !== key) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      this.#newest = key;
    }
    return entry.value;
  }

  /** Keeps a value, unless it alone would fill the cache; makes room for it. */
  set(key: K, value: V, bytes: number): void {
    this.delete(key);
    if (bytes > this.#bytesMax) return;
    this.#entries.set(key, { value, bytes });
    this.#newest = key;
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.delete(oldest);
    }
  }

  /** Forgets a key. */
  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    if (this.#newest === key) this.#newest = undefined;
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
    this.#newest = undefined;
  }
}
