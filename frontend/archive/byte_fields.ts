/**
 * Little-endian fields one behind the other.
 *
 * @module
 */

/** Collects fields. */
export class ByteFields {
  readonly #values: number[] = [];

  /** One byte. */
  u8(value: number): this {
    this.#values.push(value & 0xff);
    return this;
  }

  /** Two bytes. */
  u16(value: number): this {
    return this.u8(value).u8(value >>> 8);
  }

  /** Four bytes of a number below 2^32. */
  u32(value: number): this {
    return this.u16(value & 0xffff).u16(Math.floor(value / 0x10000));
  }

  /** Eight bytes of a safe integer. */
  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.#values.push(byte);
    return this;
  }

  /** All fields so far. */
  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#values);
  }
}
