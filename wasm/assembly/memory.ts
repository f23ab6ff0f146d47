/**
 * The allocator and the copy that the kernels share. Pointers are aligned to 16 bytes.
 * Running out of memory traps; the allocator is whole afterwards.
 */

/** Takes `bytes` bytes, not cleared. */
export function alloc(bytes: usize): usize {
  return heap.alloc(bytes);
}

/** Gives back what alloc returned; 0 is ignored. */
export function free(pointer: usize): void {
  if (pointer != 0) heap.free(pointer);
}

/**
 * Copies `bytes` bytes between regions that do not overlap. The engine's own copy is a call out of
 * the module, so that a short copy is quicker as a few words that may overlap each other.
 */
// @ts-ignore: decorator
@inline
export function copyBytes(target: usize, source: usize, bytes: usize): void {
  if (bytes > 64) {
    memory.copy(target, source, bytes);
  } else if (bytes >= 16) {
    const end = target + bytes - 16;
    const tail = v128.load(source + bytes - 16);
    while (target < end) {
      v128.store(target, v128.load(source));
      target += 16;
      source += 16;
    }
    v128.store(end, tail);
  } else if (bytes >= 8) {
    const tail = load<u64>(source + bytes - 8);
    store<u64>(target, load<u64>(source));
    store<u64>(target + bytes - 8, tail);
  } else if (bytes >= 4) {
    const tail = load<u32>(source + bytes - 4);
    store<u32>(target, load<u32>(source));
    store<u32>(target + bytes - 4, tail);
  } else {
    while (bytes != 0) {
      store<u8>(target++, load<u8>(source++));
      --bytes;
    }
  }
}
