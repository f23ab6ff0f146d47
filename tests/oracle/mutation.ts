/**
 * Requests that were right once: one or two things about their packets are changed, by seed.
 *
 * @module
 */

import type { SeededRandom } from "../harness/seeded_random.ts";
import { joined } from "./packets.ts";

/** A request that may be wrong. */
export interface Mutation {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What was done to it, for a failure's text. */
  readonly what: readonly string[];
  /** What is odd about it now. */
  readonly traits: ReadonlySet<Trait>;
}

/** Something that git and GitStratum judge differently, see `malformed_differences.ts`. */
export type Trait =
  | "long line"
  | "no UTF-8"
  | "words behind an id"
  | "cut line"
  | "NUL"
  | "more NULs"
  | "capabilities twice"
  | "full line"
  | "empty"
  | "no want"
  | "want-ref twice"
  | "special packet"
  | "garbage behind the pack";

/** A packet as it lies on the wire, its length included. */
type Piece = Uint8Array;

/** One change; what it did. Pieces behind the packets (a pack) are left alone by most. */
type Change = (pieces: Piece[], random: SeededRandom) => string;

const encoder = new TextEncoder();

/** What stands where a packet could stand. */
const ODD_PACKETS: readonly string[] = [
  "0000",
  "0001",
  "0002",
  "0003",
  "0004",
  "0005\n",
  "0006\0\n",
  "000dnonsense",
  "000ddone\n\n\n\n",
  "00zz",
  "-001",
  "+00a1234\n",
  " 00a1234\n",
  "0x0a1234\n",
  "fff0",
  "fff1",
  "ffff",
  "PACK",
  "",
  "\n",
  "0009\xff\xfe\xfd\n",
  "000fdeepen 1\n\0",
  "000eshallow \n\n",
];

/** Cuts a request into its packets; what is behind them is the last piece. */
function piecesOf(bytes: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  while (at < bytes.length) {
    const head = new TextDecoder("latin1").decode(bytes.subarray(at, at + 4));
    const length = /^[0-9a-f]{4}$/i.test(head) ? Math.max(4, parseInt(head, 16)) : bytes.length;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function place(pieces: readonly Piece[], random: SeededRandom): number {
  return random.below(Math.max(1, pieces.length));
}

function withLength(piece: Piece, length: number, upper = false): Piece {
  const digits = length.toString(16).padStart(4, "0");
  return joined([encoder.encode(upper ? digits.toUpperCase() : digits), piece.subarray(4)]);
}

function textOf(piece: Piece): string {
  return JSON.stringify(new TextDecoder("latin1").decode(piece.subarray(0, 60)));
}

const CHANGES: Readonly<Record<string, Change>> = {
  drop(pieces, random) {
    const [gone] = pieces.splice(place(pieces, random), 1);
    return gone === undefined ? "nothing" : textOf(gone);
  },
  twice(pieces, random) {
    const at = place(pieces, random);
    pieces.splice(at, 0, pieces[at]!);
    return textOf(pieces[at]!);
  },
  swap(pieces, random) {
    const [a, b] = [place(pieces, random), place(pieces, random)];
    [pieces[a], pieces[b]] = [pieces[b]!, pieces[a]!];
    return `${a} ${b}`;
  },
  insert(pieces, random) {
    const at = random.below(pieces.length + 1);
    const odd = random.pick(ODD_PACKETS);
    pieces.splice(at, 0, latin1(odd));
    return `${at} ${JSON.stringify(odd)}`;
  },
  replace(pieces, random) {
    const at = place(pieces, random);
    const odd = random.pick(ODD_PACKETS);
    pieces[at] = latin1(odd);
    return `${at} ${JSON.stringify(odd)}`;
  },
  length(pieces, random) {
    const at = place(pieces, random);
    const by = random.pick([-5, -4, -2, -1, 1, 2, 4, 60]);
    pieces[at] = withLength(pieces[at]!, Math.max(0, pieces[at]!.length + by));
    return `${at} by ${by}`;
  },
  upper(pieces, random) {
    const at = place(pieces, random);
    pieces[at] = withLength(pieces[at]!, pieces[at]!.length, true);
    return `${at}`;
  },
  newline(pieces, random) {
    const at = place(pieces, random);
    const piece = pieces[at]!;
    if (piece.length <= 5 || piece.at(-1) !== 0x0a) return "none";
    pieces[at] = withLength(piece.subarray(0, -1), piece.length - 1);
    return `${at} removed`;
  },
  byte(pieces, random) {
    const at = place(pieces, random);
    const piece = Uint8Array.from(pieces[at]!);
    const within = random.below(Math.min(piece.length, 400));
    piece[within] = random.pick([0, 0x0a, 0x20, 0x30, 0x61, 0x7f, 0xc3, 0xff]);
    pieces[at] = piece;
    return `${at} at ${within} to ${piece[within]}`;
  },
  insertByte(pieces, random) {
    const at = place(pieces, random);
    const piece = pieces[at]!;
    if (piece.length <= 4) return "none";
    const within = 4 + random.below(piece.length - 4);
    const byte = random.pick([0, 0x0a, 0x20, 0x31, 0xff]);
    const longer = joined([piece.subarray(0, within), Uint8Array.of(byte), piece.subarray(within)]);
    pieces[at] = withLength(longer, longer.length);
    return `${at} at ${within} ${byte}`;
  },
  cut(pieces, random) {
    const whole = joined(pieces);
    const end = random.below(whole.length + 1);
    pieces.splice(0, pieces.length, whole.subarray(0, end));
    return `to ${end} of ${whole.length}`;
  },
  long(pieces, random) {
    const at = place(pieces, random);
    const length = random.pick([65516, 65520, 65521, 65535]);
    pieces[at] = withLength(
      joined([pieces[at]!, new Uint8Array(length).fill(0x61)])
        .subarray(0, length),
      length,
    );
    return `${at} to ${length}`;
  },
};

/** Changes a request. Its bytes behind the packets stay, unless they are cut off. */
export function mutated(request: Uint8Array, random: SeededRandom): Mutation {
  const pieces = piecesOf(request);
  const packBytes = pieces.find(isPack)?.length ?? 0;
  const what: string[] = [];
  for (let count = 1 + random.below(2); count > 0; count--) {
    const name = random.pick(Object.keys(CHANGES));
    what.push(`${name} ${CHANGES[name]!(pieces, random)}`);
  }
  const bytes = joined(pieces);
  return { bytes, what, traits: traitsOf(piecesOf(bytes), packBytes) };
}

/** The specification's longest line (gitprotocol-common). */
const LINE_BYTES_MAX = 65520;
/** A reference's name that leaves less room in its line leaves none for a reason in the report. */
const FULL_LINE_SLACK_BYTES = 200;
const ID_LINE = /^(want|have|shallow) ([0-9a-f]{40,})([^]*)$/;

function isPack(piece: Piece): boolean {
  return new TextDecoder("latin1").decode(piece.subarray(0, 4)) === "PACK";
}

function traitsOf(pieces: readonly Piece[], packBytes: number): Set<Trait> {
  const traits = new Set<Trait>();
  if (pieces.length === 0) traits.add("empty");
  const isWant = (piece: Piece) => new TextDecoder("latin1").decode(piece).startsWith("want ", 4);
  if (!pieces.some(isWant)) traits.add("no want");
  const wantedRefs = new Set<string>();
  for (const piece of pieces) {
    const text = new TextDecoder("latin1").decode(piece);
    if (isPack(piece)) {
      if (piece.length > packBytes) traits.add("garbage behind the pack");
      break;
    }
    if (piece.length > LINE_BYTES_MAX) traits.add("long line");
    if (text === "0001" || text === "0002") traits.add("special packet");
    if (hasWordsBehindId(text.slice(4))) traits.add("words behind an id");
    if (piece.length < parseInt(text.slice(0, 4), 16) || piece.length < 4) traits.add("cut line");
    if (!isUtf8(piece)) traits.add("no UTF-8");
    const nuls = text.split("\0").length - 1;
    if (nuls > 0 && traits.has("NUL")) traits.add("capabilities twice");
    if (nuls > 0) traits.add("NUL");
    if (nuls > 1) traits.add("more NULs");
    if (piece.length > LINE_BYTES_MAX - FULL_LINE_SLACK_BYTES) traits.add("full line");
    if (text.slice(4).startsWith("want-ref ")) {
      if (wantedRefs.has(text.trimEnd())) traits.add("want-ref twice");
      wantedRefs.add(text.trimEnd());
    }
  }
  return traits;
}

/** Whether a line says more than an id, and the capabilities that the first want may have. */
function hasWordsBehindId(line: string): boolean {
  const [, verb, digits, rest] = ID_LINE.exec(line) ?? [];
  if (digits === undefined || rest === undefined) return false;
  if (digits.length !== 40 && digits.length !== 64) return true;
  return rest !== "" && rest !== "\n" && !(verb === "want" && rest.startsWith(" "));
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
