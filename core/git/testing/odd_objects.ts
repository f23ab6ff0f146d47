/**
 * Commits, tags and trees as nobody should write them, for comparing object checks with git's.
 *
 * Texts hold one byte per character.
 *
 * @module
 */

import type { ObjectType } from "../object_type.ts";

/** An id in text: what commits name as their tree. */
export const A: string = "a".repeat(40);
/** What commits and tags point at: git does not take one id for objects of two types. */
export const B: string = "b".repeat(40);
/** An id in bytes, as trees hold it. */
export const OID: string = "\x11".repeat(20);
/** A sound identity line. */
export const WHO: string = "A U Thor <a@b> 1234567890 +0000";

/** One byte per character. */
export const latin = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));
/** The bytes of a name in UTF-8, one per character. */
const utf8 = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
/** Text of a tree with the given entries. */
export const tree = (...entries: string[]): string =>
  entries.map((entry) => `${entry.replace(" ", " ")}\0${OID}`).join("");
/** Text of a commit. */
export const commit = (author: string, committer: string = WHO): string =>
  `tree ${A}\nauthor ${author}\ncommitter ${committer}\n\nx`;
/** Text of a tag. */
export const tag = (tagger: string, rest = "\nx"): string =>
  `object ${B}\ntype commit\ntag v1\ntagger ${tagger}\n${rest}`;

const IDENTITIES = [
  WHO,
  "<a@b> 1 +0000",
  " <a@b> 1 +0000",
  "A U Thor",
  "A > <a@b> 1 +0000",
  "A<a@b> 1 +0000",
  "A <a<b> 1 +0000",
  "A <a@b",
  "A <a@b>1 +0000",
  "A <a@b>",
  "A <a@b> ",
  "A <a@b> x +0000",
  "A <a@b> 01 +0000",
  "A <a@b> 0 +0000",
  "A <a@b> 1",
  "A <a@b> 1 0000",
  "A <a@b> 1 +000",
  "A <a@b> 1 +00000",
  "A <a@b> 99999999999999999999 +0000",
  "A <a@b> 18446744073709551615 +0000",
  "A <a@b> 9223372036854775807 +0000",
  "A <a@b> 9223372036854775808 +0000",
  "A <a@b> 1x +0000",
  "A <a@b> 1 -9999",
  "A <> 1 +0000",
  "",
];

const COMMITS = [
  ...IDENTITIES.map((who) => commit(who)),
  ...IDENTITIES.map((who) => commit(WHO, who)),
  "",
  "\n",
  `tree ${A}`,
  `tree ${A}\n`,
  `tree ${A}\n\n`,
  `tree ${A}\nauthor ${WHO}\n`,
  `tree ${A}\nauthor ${WHO}\nauthor ${WHO}\ncommitter ${WHO}\n\nx`,
  `tree ${A}\ncommitter ${WHO}\n\nx`,
  `tree ${A}\nauthor ${WHO}\n\ncommitter ${WHO}\n`,
  `${commit(WHO)}\0y`,
  `tree ${A}\nauthor ${WHO}\ncommitter ${WHO}\n`,
  `tree ${A}\nauthor ${WHO}\ncommitter ${WHO}`,
  `tree ${A}\nauthor ${WHO}\0\ncommitter ${WHO}\n\nx`,
  `tree ${A}x\nauthor ${WHO}\ncommitter ${WHO}\n\nx`,
  `tree ${A}\nparent ${B}\nparent x\nauthor ${WHO}\ncommitter ${WHO}\n\nx`,
  `parent ${B}\n\n`,
  `tree ${A}\nauthor ${WHO}\ncommitter ${WHO}\nencoding x\ngpgsig a\n b\n\nx`,
];

const TAGS = [
  ...IDENTITIES.map((who) => tag(who)),
  "",
  `object ${B}\n`,
  `object x\ntype commit\ntag v\n\nx`,
  `object ${B}\ntype x\ntag v\n\nx`,
  `object ${B}\ntype commit\n\nx`,
  `object ${B}\ntype commit\ntag v1\n\nx`,
  `object ${B}\ntype commit\ntag a..b\ntagger ${WHO}\n\nx`,
  `object ${B}\ntype commit\ntag \ntagger ${WHO}\n\nx`,
  `object ${B}\ntype commit\ntag v1\ntagger ${WHO}\nextra x\n\nx`,
  `type commit\n\nx`,
  `object ${B}\ntype commit\ntag v1\ntagger ${WHO}\n`,
  `object ${B}\ntag v1\ntagger ${WHO}\n\nx`,
];

/** Names that some file system may take for one of git's, and some that none does. */
const NAMES = [
  ".",
  "..",
  "...",
  ".git",
  ".GIT",
  ".Git",
  ".git ",
  ".git.",
  ".git. .",
  ".git x",
  ".git:x",
  ".git::$INDEX",
  "git~1",
  "GIT~1",
  "git~2",
  "git~1 .",
  "git~10",
  ".gitx",
  "x.git",
  "git",
  "a/b",
  "/",
  ".git/x",
  "a\\b",
  "a\\.git",
  "a\\git~1\\b",
  "\\.git",
  ".git\\x",
  ".g\u200cit",
  "\u200d.git",
  ".git\ufeff",
  ".gi\u0131t",
  ".\u202agitmodules",
  ".gitmodules",
  ".GitModules",
  ".gitmodules ",
  ".gitmodules:x",
  ".gitmodules.x",
  "gitmod~1",
  "GITMOD~4",
  "gitmod~5",
  "gitmod~1 .",
  "gitmod~11",
  "gi7eba~1",
  "GI7EBA~9",
  "gi7eb~10",
  "gi7e~100",
  "g~123456",
  "~1000000",
  "~0000000",
  "gi7eba~0",
  "gi7ebb~1",
  "a\\.gitmodules",
  "a\\gi7eba~1",
  ".gitattributes",
  "gitatt~1",
  "gi7d29~1",
  ".gitignore",
  "gitign~2",
  "gi250a~3",
  ".mailmap",
  "mailma~1",
  "maba30~1",
  "mailmap~1",
  ".gitmodules\u200e",
  ".MAILMAP",
  "-",
  "con",
  "n".repeat(4096),
  "u\u0308",
  "\u00fc",
  ".gitignore/",
];

const TREES = [
  "",
  ...NAMES.flatMap((name) => [tree(`100644 ${utf8(name)}`), tree(`120000 ${utf8(name)}`)]),
  tree("100644 .git\xff"),
  tree("100644 .gi\xfft"),
  tree("100644 \xff.git"),
  tree("100644 .git\xe2\x80"),
  tree("100664 a"),
  tree("100600 a"),
  tree("0100644 a"),
  tree("040000 a"),
  tree("7 a"),
  tree("160000 a"),
  tree("40755 a"),
  tree("120777 a"),
  tree("100644 "),
  tree(" a"),
  tree("100648 a"),
  "100644 a\0xx",
  tree("100644 a", "100644 a"),
  tree("100644 b", "100644 a"),
  tree("100644 a", "40000 a"),
  tree("100644 a", "100644 a.b", "40000 a"),
  tree("100644 a", "100644 a.b", "100644 a.b.c", "40000 a.b", "40000 a"),
  tree("40000 a", "100644 a.b"),
  tree("100644 a.b", "40000 a"),
  tree("100644 a0", "40000 a"),
  tree("40000 a", "100644 a0"),
  tree("100644 a", "100644 a-b", "40000 a-b", "40000 a"),
  tree("100644 a", "100644 ab"),
  tree("100644 foo", "100644 foo.bar", "100644 foo.bar.baz", "40000 foo.bar", "40000 foo"),
  `100644 a\0${"\0".repeat(20)}`,
  `100644 a\0${"\0".repeat(19)}\x01`,
  `${tree("100644 a")}1`,
];

/** An object by its text. */
export interface Odd {
  readonly type: ObjectType;
  readonly text: string;
}

/** All of them. */
export const ODD: readonly Odd[] = [
  ...COMMITS.map((text) => ({ type: "commit" as const, text })),
  ...TAGS.map((text) => ({ type: "tag" as const, text })),
  ...TREES.map((text) => ({ type: "tree" as const, text })),
];
