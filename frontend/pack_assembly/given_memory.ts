/**
 * Memory that is given away: large pieces of packs that nobody but their receiver has.
 *
 * A piece that is left to the garbage collector stays until some dozen MiB of them have gathered, so
 * the next one lies in fresh pages, each of which the system has to clear: for a stored pack that is
 * sent, two fifths of the processor time. So whoever gives a piece away marks it, and a receiver that
 * has copied it, or handed it to the runtime, releases it at once.
 *
 * Invariant: a piece is marked only by somebody who will not look at it again, and released only by
 * its last reader. What is not marked is not touched, so releasing is always allowed.
 *
 * @module
 */

const given = new WeakSet<Uint8Array>();

/** The same piece; nobody but its receiver has it, or any part of its memory. */
export function giveAway<Piece extends Uint8Array>(piece: Piece): Piece {
  given.add(piece);
  return piece;
}

/**
 * Gives the memory of a piece back, if it was given away: the piece is empty from now on. What the
 * runtime still has to write of it stays intact.
 */
export function releaseGiven(piece: Uint8Array): void {
  if (!given.delete(piece)) return;
  const { buffer } = piece;
  // What took its place is empty.
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
