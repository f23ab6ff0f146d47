/**
 * Checks trees. The loop allocates nothing for ordinary entries: a large push has tens of millions.
 *
 * @module
 */

import { hasCode } from "../error.ts";
import type { FsckReport } from "./fsck_message.ts";
import { type ObjectFormat, oidBytes } from "./oid.ts";
import { maybeProtected, protectedBehindBackslash, protectedName } from "./protected_name.ts";
import { isSymlinkMode, isTreeMode, TreeCursor } from "./tree.ts";

/** Longest name that git takes without a word, in bytes. */
const NAME_BYTES_MAX = 4096;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const DIGIT_0 = 0x30;

/** Told of the ids of blobs that need a check of their own. Offsets are into the tree. */
export interface TreeCheckSink {
  /** The entry whose id stands at `oidOffset` is a `.gitmodules`. */
  modules(oidOffset: number): void;
  /** The entry whose id stands at `oidOffset` is a `.gitattributes`. */
  attributes(oidOffset: number): void;
}

/** What may be wrong with any of a tree's entries; each is reported once. */
interface Flaws {
  nullOid: boolean;
  fullPath: boolean;
  dot: boolean;
  dotdot: boolean;
  dotgit: boolean;
  zeroPadded: boolean;
  badMode: boolean;
  duplicate: boolean;
  unsorted: boolean;
  large: boolean;
  badTree: boolean;
}

function isStandardMode(mode: number): boolean {
  return mode === 0o100644 || mode === 0o40000 || mode === 0o100755 || mode === 0o120000 ||
    mode === 0o160000;
}

/** Compares each entry with the one before it. */
class OrderCheck {
  readonly #bytes: Uint8Array;
  #start = -1;
  #end = 0;
  #isTree = false;
  /** Names of files that a later directory may repeat: `a`, `a.b`, … before `a/`. */
  readonly #files: { readonly start: number; readonly end: number }[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes the next entry; returns how many bytes its name has in common with the one before. */
  next(cursor: TreeCursor, flaws: Flaws): number {
    const isTree = isTreeMode(cursor.mode);
    const common = this.#start < 0 ? 0 : this.#compare(cursor, isTree, flaws);
    this.#start = cursor.nameStart;
    this.#end = cursor.nameEnd;
    this.#isTree = isTree;
    return common;
  }

  #compare(cursor: TreeCursor, isTree: boolean, flaws: Flaws): number {
    const bytes = this.#bytes;
    const length = Math.min(this.#end - this.#start, cursor.nameEnd - cursor.nameStart);
    let index = 0;
    while (index < length && bytes[this.#start + index] === bytes[cursor.nameStart + index]) {
      index++;
    }
    if (index < length) {
      if (bytes[this.#start + index]! > bytes[cursor.nameStart + index]!) flaws.unsorted = true;
    } else this.#compareEnds(cursor, { index, isTree }, flaws);
    return index;
  }

  /** One name begins with the other: what counts is what follows, a slash behind a directory. */
  #compareEnds(
    cursor: TreeCursor,
    at: { readonly index: number; readonly isTree: boolean },
    flaws: Flaws,
  ): void {
    const beforeEnds = this.#start + at.index === this.#end;
    const nowEnds = cursor.nameStart + at.index === cursor.nameEnd;
    if (beforeEnds && nowEnds) {
      flaws.duplicate = true;
      return;
    }
    const before = beforeEnds ? (this.#isTree ? SLASH : 0) : this.#bytes[this.#start + at.index]!;
    const now = nowEnds ? (at.isTree ? SLASH : 0) : this.#bytes[cursor.nameStart + at.index]!;
    if (before === 0 && now > 0 && now < SLASH) {
      this.#files.push({ start: this.#start, end: this.#end });
    } else if (now === SLASH && before > 0 && before < SLASH) this.#findFile(cursor, flaws);
    if (before >= now) flaws.unsorted = true;
  }

  /** Looks for a file of the directory's name among the candidates. */
  #findFile(cursor: TreeCursor, flaws: Flaws): void {
    for (let file = this.#files.pop(); file !== undefined; file = this.#files.pop()) {
      const next = this.#byteBehind(file, cursor);
      if (next === undefined) continue;
      if (next === 0) {
        flaws.duplicate = true;
        return;
      }
      if (next < SLASH) {
        this.#files.push(file);
        return;
      }
    }
  }

  /** The byte of the entry's name behind the file's name, 0 at its end; undefined when it differs. */
  #byteBehind(
    file: { readonly start: number; readonly end: number },
    cursor: TreeCursor,
  ): number | undefined {
    const length = file.end - file.start;
    if (length > cursor.nameEnd - cursor.nameStart) return undefined;
    for (let index = 0; index < length; index++) {
      if (this.#bytes[file.start + index] !== this.#bytes[cursor.nameStart + index]) {
        return undefined;
      }
    }
    const behind = cursor.nameStart + length;
    return behind === cursor.nameEnd ? 0 : this.#bytes[behind]!;
  }
}

function isNullOid(bytes: Uint8Array, offset: number, length: number): boolean {
  for (let index = 0; index < length; index++) if (bytes[offset + index] !== 0) return false;
  return true;
}

/** Looks for separators behind `skip` bytes of the name; whether there is a backslash. */
function scanName(cursor: TreeCursor, skip: number, flaws: Flaws): boolean {
  const { bytes, nameStart, nameEnd } = cursor;
  let backslash = false;
  for (let index = nameStart + skip; index < nameEnd; index++) {
    const byte = bytes[index];
    if (byte === SLASH) flaws.fullPath = true;
    else if (byte === BACKSLASH) backslash = true;
  }
  if (bytes[nameStart] === DOT) {
    const length = nameEnd - nameStart;
    if (length === 1) flaws.dot = true;
    else if (length === 2 && bytes[nameStart + 1] === DOT) flaws.dotdot = true;
  }
  return backslash;
}

interface TreeCheck {
  readonly cursor: TreeCursor;
  readonly report: FsckReport;
  readonly sink: TreeCheckSink;
  readonly flaws: Flaws;
  /** Length of an id. */
  readonly idBytes: number;
}

function checkModules(check: TreeCheck): void {
  if (!isSymlinkMode(check.cursor.mode)) check.sink.modules(check.cursor.oidOffset);
  else check.report.add("gitmodulesSymlink", ".gitmodules is a symbolic link");
}

/** The part for names that some file system may take for one of git's own. */
function checkProtected(check: TreeCheck): void {
  const { cursor, report, sink, flaws } = check;
  const name = protectedName(cursor.bytes.subarray(cursor.nameStart, cursor.nameEnd));
  const symlink = isSymlinkMode(cursor.mode);
  if (name.git) flaws.dotgit = true;
  if (name.modules) checkModules(check);
  if (name.attributes && !symlink) sink.attributes(cursor.oidOffset);
  if (name.attributes && symlink) {
    report.add("gitattributesSymlink", ".gitattributes is a symlink");
  }
  if (name.ignore && symlink) report.add("gitignoreSymlink", ".gitignore is a symlink");
  if (name.mailmap && symlink) report.add("mailmapSymlink", ".mailmap is a symlink");
}

function checkBehindBackslash(check: TreeCheck): void {
  const { cursor } = check;
  const found = protectedBehindBackslash(
    cursor.bytes.subarray(cursor.nameStart, cursor.nameEnd),
  );
  if (found.git) check.flaws.dotgit = true;
  if (found.modules) checkModules(check);
}

/** Checks an entry whose first `clean` bytes hold no separator; whether there is a backslash. */
function checkEntry(check: TreeCheck, clean: number): boolean {
  const { cursor, flaws, idBytes } = check;
  const { bytes, nameStart, nameEnd } = cursor;
  if (bytes[cursor.oidOffset] === 0 && isNullOid(bytes, cursor.oidOffset, idBytes)) {
    flaws.nullOid = true;
  }
  if (bytes[cursor.entryOffset] === DIGIT_0) flaws.zeroPadded = true;
  if (!isStandardMode(cursor.mode)) flaws.badMode = true;
  if (nameEnd - nameStart > NAME_BYTES_MAX) flaws.large = true;
  const backslash = scanName(cursor, clean, flaws);
  if (maybeProtected(bytes, nameStart, nameEnd)) checkProtected(check);
  if (backslash) checkBehindBackslash(check);
  return backslash;
}

function walk(check: TreeCheck): void {
  const { cursor, flaws } = check;
  const order = new OrderCheck(cursor.bytes);
  // Bytes in common with a name that was searched need no second search, unless it had a backslash.
  let backslash = false;
  try {
    while (cursor.next()) {
      const common = order.next(cursor, flaws);
      backslash = checkEntry(check, backslash ? 0 : common);
    }
  } catch (error) {
    if (!hasCode(error, "invalid")) throw error;
    flaws.badTree = true;
  }
}

function noFlaws(): Flaws {
  return {
    nullOid: false,
    fullPath: false,
    dot: false,
    dotdot: false,
    dotgit: false,
    zeroPadded: false,
    badMode: false,
    duplicate: false,
    unsorted: false,
    large: false,
    badTree: false,
  };
}

/** Checks a tree and adds what is wrong to the report. */
export function checkTree(
  bytes: Uint8Array,
  format: ObjectFormat,
  options: { readonly report: FsckReport; readonly sink: TreeCheckSink },
): void {
  const flaws = noFlaws();
  walk({ cursor: new TreeCursor(bytes, format), flaws, idBytes: oidBytes(format), ...options });
  reportFlaws(flaws, options.report);
}

/**
 * Checks single entries of a well-formed tree, each by itself: those that begin at `offsets`. The others
 * and their order are known to be good.
 */
export function checkTreeEntries(
  bytes: Uint8Array,
  format: ObjectFormat,
  options: {
    readonly offsets: Uint32Array;
    readonly report: FsckReport;
    readonly sink: TreeCheckSink;
  },
): void {
  const { offsets, report, sink } = options;
  const flaws = noFlaws();
  const cursor = new TreeCursor(bytes, format);
  const check = { cursor, flaws, idBytes: oidBytes(format), report, sink };
  for (const offset of offsets) {
    cursor.moveTo(offset);
    if (cursor.next()) checkEntry(check, 0);
  }
  reportFlaws(flaws, report);
}

function reportFlaws(flaws: Flaws, report: FsckReport): void {
  if (flaws.badTree) report.add("badTree", "cannot be parsed as a tree");
  if (flaws.nullOid) report.add("nullSha1", "contains entries pointing to null sha1");
  if (flaws.fullPath) report.add("fullPathname", "contains full pathnames");
  if (flaws.dot) report.add("hasDot", "contains '.'");
  if (flaws.dotdot) report.add("hasDotdot", "contains '..'");
  if (flaws.dotgit) report.add("hasDotgit", "contains '.git'");
  if (flaws.zeroPadded) report.add("zeroPaddedFilemode", "contains zero-padded file modes");
  if (flaws.badMode) report.add("badFilemode", "contains bad file modes");
  if (flaws.duplicate) report.add("duplicateEntries", "contains duplicate file entries");
  if (flaws.unsorted) report.add("treeNotSorted", "not properly sorted");
  if (flaws.large) report.add("largePathname", "contains excessively large pathname");
}
