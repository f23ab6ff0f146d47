/**
 * Checks commits and tags.
 *
 * @module
 */

import type { FsckReport } from "./fsck_message.ts";
import { HeaderCursor } from "./header_cursor.ts";
import type { ObjectFormat } from "./oid.ts";
import { isReferenceName } from "./reference_name.ts";
import { parseObjectType } from "./tag.ts";

const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const LESS = 0x3c;
const GREATER = 0x3e;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= DIGIT_0 && byte <= 0x39;

/** Whether the headers end as they should: with an empty line, or at least with a line feed. */
function checkHeaders(bytes: Uint8Array, report: FsckReport): boolean {
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === 0) {
      report.add("nulInHeader", `unterminated header: NUL at offset ${index}`);
      return false;
    }
    if (byte === LF && bytes[index + 1] === LF) return true;
  }
  if (bytes[bytes.length - 1] === LF) return true;
  report.add("unterminatedHeader", "unterminated header");
  return false;
}

const IDENTITY = "invalid author/committer line - ";

/** Checks an identity and moves behind its line; whether the object may be checked further. */
function checkIdentity(cursor: HeaderCursor, report: FsckReport): boolean {
  const start = cursor.offset;
  // The headers end with a line feed, so there is a line.
  cursor.line();
  const flaw = identityFlaw(cursor.bytes, start);
  return flaw === undefined || !report.add(flaw[0], `${IDENTITY}${flaw[1]}`);
}

type Flaw = readonly [Parameters<FsckReport["add"]>[0], string];

function identityFlaw(bytes: Uint8Array, start: number): Flaw | undefined {
  let at = start;
  if (bytes[at] === LESS) return ["missingNameBeforeEmail", "missing space before email"];
  while (bytes[at] !== LESS) {
    if (at >= bytes.length || bytes[at] === LF) return ["missingEmail", "missing email"];
    if (bytes[at] === GREATER) return ["badName", "bad name"];
    at++;
  }
  if (bytes[at - 1] !== SPACE) return ["missingSpaceBeforeEmail", "missing space before email"];
  at++;
  while (bytes[at] !== GREATER) {
    if (at >= bytes.length || bytes[at] === LESS || bytes[at] === LF) {
      return ["badEmail", "bad email"];
    }
    at++;
  }
  if (bytes[at + 1] !== SPACE) return ["missingSpaceBeforeDate", "missing space before date"];
  return dateFlaw(bytes, at + 2);
}

function dateFlaw(bytes: Uint8Array, start: number): Flaw | undefined {
  let at = start;
  while (bytes[at] === SPACE || bytes[at] === TAB) at++;
  if (!isDigit(bytes[at])) return ["badDate", "bad date"];
  if (bytes[at] === DIGIT_0 && bytes[at + 1] !== SPACE) {
    return ["zeroPaddedDate", "zero-padded date"];
  }
  const first = at;
  while (isDigit(bytes[at])) at++;
  if (overflows(bytes.subarray(first, at))) {
    return ["badDateOverflow", "date causes integer overflow"];
  }
  if (bytes[at] !== SPACE) return ["badDate", "bad date"];
  at++;
  const sign = bytes[at] === PLUS || bytes[at] === MINUS;
  const digits = [1, 2, 3, 4].every((offset) => isDigit(bytes[at + offset]));
  return sign && digits && bytes[at + 5] === LF ? undefined : ["badTimezone", "bad time zone"];
}

/** Whether a time does not fit 63 bits. */
function overflows(digits: Uint8Array): boolean {
  if (digits.length < 19) return false;
  return digits.length > 19 || BigInt(String.fromCharCode(...digits)) >= 2n ** 63n;
}

/** Checks an id and moves behind its line, however bad it is; whether to go on. */
function checkOidLine(
  cursor: HeaderCursor,
  format: ObjectFormat,
  options: { readonly report: FsckReport; readonly flaw: Flaw },
): boolean {
  if (cursor.oidLine(format) !== undefined) return true;
  if (options.report.add(...options.flaw)) return false;
  cursor.line();
  return true;
}

function checkTreeAndParents(
  cursor: HeaderCursor,
  format: ObjectFormat,
  report: FsckReport,
): boolean {
  if (!cursor.skip("tree ")) {
    report.add("missingTree", "invalid format - expected 'tree' line");
    return false;
  }
  const tree: Flaw = ["badTreeSha1", "invalid 'tree' line format - bad sha1"];
  if (!checkOidLine(cursor, format, { report, flaw: tree })) return false;
  const parent: Flaw = ["badParentSha1", "invalid 'parent' line format - bad sha1"];
  while (cursor.skip("parent ")) {
    if (!checkOidLine(cursor, format, { report, flaw: parent })) return false;
  }
  return true;
}

/** Checks the author lines; there must be one. */
function checkAuthors(cursor: HeaderCursor, report: FsckReport): boolean {
  let count = 0;
  while (cursor.skip("author ")) {
    count++;
    if (!checkIdentity(cursor, report)) return false;
  }
  if (count === 0) {
    return !report.add("missingAuthor", "invalid format - expected 'author' line");
  }
  return count === 1 ||
    !report.add("multipleAuthors", "invalid format - multiple 'author' lines");
}

/** Checks a commit and adds what is wrong to the report, up to the first error. */
export function checkCommit(bytes: Uint8Array, format: ObjectFormat, report: FsckReport): void {
  if (!checkHeaders(bytes, report)) return;
  const cursor = new HeaderCursor(bytes);
  if (!checkTreeAndParents(cursor, format, report)) return;
  if (!checkAuthors(cursor, report)) return;
  if (!cursor.skip("committer ")) {
    report.add("missingCommitter", "invalid format - expected 'committer' line");
    return;
  }
  if (!checkIdentity(cursor, report)) return;
  if (bytes.includes(0)) report.add("nulInCommit", "NUL byte in the commit object body");
}

/** Checks a tag and adds what is wrong to the report, up to the first error. */
export function checkTag(bytes: Uint8Array, format: ObjectFormat, report: FsckReport): void {
  if (!checkHeaders(bytes, report)) return;
  const cursor = new HeaderCursor(bytes);
  if (!checkTarget(cursor, format, report) || !checkTagName(cursor, report)) return;
  if (!cursor.skip("tagger ")) {
    // Early tags have none.
    if (report.add("missingTaggerEntry", "invalid format - expected 'tagger' line")) return;
  } else if (!checkIdentity(cursor, report)) return;
  checkTagTail(cursor, report);
}

/** Checks object and type; whether to go on. */
function checkTarget(cursor: HeaderCursor, format: ObjectFormat, report: FsckReport): boolean {
  if (!cursor.skip("object ")) {
    report.add("missingObject", "invalid format - expected 'object' line");
    return false;
  }
  const flaw: Flaw = ["badObjectSha1", "invalid 'object' line format - bad sha1"];
  if (!checkOidLine(cursor, format, { report, flaw })) return false;
  if (!cursor.skip("type ")) {
    report.add("missingTypeEntry", "invalid format - expected 'type' line");
    return false;
  }
  const type = cursor.line();
  if (type === undefined) {
    report.add("missingType", "invalid format - unexpected end after 'type' line");
    return false;
  }
  return parseObjectType(type) !== undefined || !report.add("badType", "invalid 'type' value");
}

/** Checks the name; whether to go on. */
function checkTagName(cursor: HeaderCursor, report: FsckReport): boolean {
  if (!cursor.skip("tag ")) {
    report.add("missingTagEntry", "invalid format - expected 'tag' line");
    return false;
  }
  const line = cursor.line();
  if (line === undefined) {
    report.add("missingTag", "invalid format - unexpected end after 'type' line");
    return false;
  }
  const name = new TextDecoder().decode(line);
  return isReferenceName(`refs/tags/${name}`) ||
    !report.add("badTagName", `invalid 'tag' name: ${name}`);
}

/** A signature may follow the tagger; any other header is an extra one. */
function checkTagTail(cursor: HeaderCursor, report: FsckReport): void {
  if (cursor.skip("gpgsig ") || cursor.skip("gpgsig-sha256 ")) {
    if (cursor.line() === undefined) {
      const message = "unexpected end after 'gpgsig' or 'gpgsig-sha256' line";
      report.add("badGpgsig", `invalid format - ${message}`);
      return;
    }
    while (cursor.skip(" ")) {
      if (cursor.line() !== undefined) continue;
      const message = "unexpected end in 'gpgsig' or 'gpgsig-sha256' continuation line";
      report.add("badHeaderContinuation", `invalid format - ${message}`);
      return;
    }
  }
  const { bytes, offset } = cursor;
  if (offset < bytes.length && bytes[offset] !== LF) {
    report.add("extraHeaderEntry", "invalid format - extra header(s) after 'tagger'");
  }
}
