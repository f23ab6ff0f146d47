/**
 * Reference lines in order, in chunks that are encoded apart.
 *
 * @module
 */

/** A chunk with more lines is cut in two. */
const CHUNK_COUNT_MAX = 128;
const LENGTH_DIGITS = 4;
/** What a line takes in memory beside its bytes, about: two strings and their places. */
const LINE_OVERHEAD_BYTES = 128;

interface Chunk {
  /** In order; never empty. */
  readonly names: string[];
  /** Packets, in the same order. */
  readonly lines: string[];
  /** The lines, encoded; absent after a change. */
  bytes: Uint8Array | undefined;
}

const encoder = new TextEncoder();
const FLUSH = encoder.encode("0000");

/** Lines by name. Names and ids are ASCII: a character is a byte. */
export class LineChunks {
  readonly #chunks: Chunk[] = [];
  #count = 0;
  /** Length of all lines. */
  #lineBytes = 0;

  /** How many lines there are. */
  get count(): number {
    return this.#count;
  }

  /** Memory that is taken, in bytes, about: each line is kept as text, as bytes, and by its name. */
  get byteCount(): number {
    return 3 * this.#lineBytes + this.#count * LINE_OVERHEAD_BYTES;
  }

  /** Adds the line of a reference, or changes it. */
  set(name: string, oid: string): void {
    const line = packet(name, oid);
    if (this.#chunks.length === 0) this.#chunks.push({ names: [], lines: [], bytes: undefined });
    const index = this.#chunkOf(name);
    const chunk = this.#chunks[index]!;
    const at = firstNotBefore(chunk.names, name);
    const replaced = chunk.names[at] === name ? 1 : 0;
    this.#lineBytes += line.length - (replaced === 1 ? chunk.lines[at]!.length : 0);
    this.#count += 1 - replaced;
    chunk.names.splice(at, replaced, name);
    chunk.lines.splice(at, replaced, line);
    chunk.bytes = undefined;
    if (chunk.names.length > CHUNK_COUNT_MAX) this.#cut(index);
  }

  /** Takes a reference away; nothing happens when there is none. */
  delete(name: string): void {
    const index = this.#chunkOf(name);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return;
    const at = firstNotBefore(chunk.names, name);
    if (chunk.names[at] !== name) return;
    chunk.names.splice(at, 1);
    this.#lineBytes -= chunk.lines.splice(at, 1)[0]!.length;
    this.#count--;
    chunk.bytes = undefined;
    if (chunk.names.length === 0) this.#chunks.splice(index, 1);
  }

  /** All lines and a flush, in a fresh array. */
  bytes(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#lineBytes + FLUSH.length);
    let at = 0;
    for (const chunk of this.#chunks) {
      chunk.bytes ??= encoder.encode(chunk.lines.join(""));
      all.set(chunk.bytes, at);
      at += chunk.bytes.length;
    }
    all.set(FLUSH, at);
    return all;
  }

  #cut(index: number): void {
    const { names, lines } = this.#chunks[index]!;
    // References are read in order: what follows the last of them fills the second part.
    const half = index === this.#chunks.length - 1 ? CHUNK_COUNT_MAX : CHUNK_COUNT_MAX / 2;
    this.#chunks.splice(
      index,
      1,
      { names: names.slice(0, half), lines: lines.slice(0, half), bytes: undefined },
      { names: names.slice(half), lines: lines.slice(half), bytes: undefined },
    );
  }

  /** The chunk that a name belongs to: the last that begins with it or before it. */
  #chunkOf(name: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#chunks[middle]!.names[0]! <= name) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function packet(name: string, oid: string): string {
  const length = LENGTH_DIGITS + oid.length + name.length + 2;
  return `${length.toString(16).padStart(LENGTH_DIGITS, "0")}${oid} ${name}\n`;
}

/** Where a name is among others in order, or would be. */
function firstNotBefore(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (names[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
