/**
 * Objects that were rebuilt a moment ago, for those that are deltas of them: the entries of a family
 * follow each other in a recipe, and its root is inflated once.
 *
 * Stored entries never change, so an object may serve every stream. The longest unused ones make room.
 *
 * @module
 */

/** Counts for an object besides its bytes. */
const OVERHEAD_BYTES = 256;

/** A cache of objects by where their entries are. */
export class RebuiltObjects {
  readonly #bytesMax: number;
  readonly #objects = new Map<string, Uint8Array>();
  #bytes = 0;

  /** Makes an empty cache of at most `bytesMax` bytes. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that are held, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The object, which counts as used now; not to be changed. */
  get(place: string): Uint8Array | undefined {
    const object = this.#objects.get(place);
    if (object === undefined) return undefined;
    this.#objects.delete(place);
    this.#objects.set(place, object);
    return object;
  }

  /** Whether the object is there; does not count as use. */
  has(place: string): boolean {
    return this.#objects.has(place);
  }

  /** Keeps an object that nobody changes from now on, unless it alone is too large. */
  add(place: string, object: Uint8Array): void {
    const bytes = object.length + OVERHEAD_BYTES;
    if (bytes > this.#bytesMax || this.#objects.has(place)) return;
    this.#objects.set(place, object);
    this.#bytes += bytes;
    for (const [oldest, { length }] of this.#objects) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#objects.delete(oldest);
      this.#bytes -= length + OVERHEAD_BYTES;
    }
  }
}
