/**
 * Names in trees that a client's file system may take for `.git`, `.gitmodules` and their like.
 *
 * HFS+ folds case and ignores some invisible characters; NTFS folds case, drops blanks and dots at the
 * end, cuts at a colon (alternate data streams), knows short names (`git~1`, `gi7eba~1`), and parts
 * paths at a backslash. A server must see through all of it, because any client may check the tree out.
 *
 * @module
 */

/** What a name stands for on some file system. */
export interface ProtectedName {
  readonly git: boolean;
  readonly modules: boolean;
  readonly attributes: boolean;
  readonly ignore: boolean;
  readonly mailmap: boolean;
}

const TILDE = 0x7e;
const DOT = 0x2e;

/**
 * Whether a name deserves {@link protectedName}: a test of a few bytes that lets all but a handful of
 * real names pass.
 */
export function maybeProtected(bytes: Uint8Array, start: number, end: number): boolean {
  switch (bytes[start]) {
    case DOT:
      return isSuspectAfterDot(bytes[start + 1]!);
    case 0x47: // G
    case 0x67: // g
    case 0x4d: // M
    case 0x6d: // m
      // Only a short name can begin so, and those have a tilde.
      for (let index = start + 1; index < end && index < start + 8; index++) {
        if (bytes[index] === TILDE) return true;
      }
      return false;
    case TILDE: // a short name may consist of its number alone
    case 0xe2: // ignorable characters of HFS+ begin with these
    case 0xef:
      return true;
    default:
      return false;
  }
}

/** `g`, `m`, or the first byte of a character that HFS+ ignores. */
function isSuspectAfterDot(byte: number): boolean {
  const letter = byte | 0x20;
  return letter === 0x67 || letter === 0x6d || byte === 0xe2 || byte === 0xef;
}

/** Characters that HFS+ ignores: zero-width joiners, direction marks, the byte order mark. */
function isIgnoredByHfs(codePoint: number): boolean {
  return (codePoint >= 0x200c && codePoint <= 0x200f) ||
    (codePoint >= 0x202a && codePoint <= 0x202e) ||
    (codePoint >= 0x206a && codePoint <= 0x206f) || codePoint === 0xfeff;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const loose = new TextDecoder("utf-8", { ignoreBOM: true });

/** Decodes bytes up to the first that is not UTF-8: git's check stops there and finds an end. */
function decodePrefix(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    const text = loose.decode(bytes);
    return text.slice(0, text.indexOf("\ufffd"));
  }
}

/** The name as HFS+ sees it, up to a slash. */
function hfsName(bytes: Uint8Array): string {
  let name = "";
  for (const character of decodePrefix(bytes)) {
    if (character === "/") break;
    if (!isIgnoredByHfs(character.codePointAt(0)!)) name += character;
  }
  // Only ASCII folds here: the names looked for have no other letters.
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

const latin1 = new TextDecoder("latin1");

/** Cuts at a colon and drops blanks and dots at the end, as NTFS does. */
function ntfsName(name: string): string {
  const colon = name.indexOf(":");
  return (colon < 0 ? name : name.slice(0, colon)).replace(/[ .]+$/, "").toLowerCase();
}

function isNtfsGit(name: string): boolean {
  // For `.git` itself a separator ends the name too.
  const ntfs = ntfsName(name.split(/[\\/]/, 1)[0]!);
  return ntfs === ".git" || ntfs === "git~1";
}

/** Short names: the first six letters and ~1 to ~4, or letters and a hash, then ~ and digits. */
function isNtfsShort(name: string, long: string, hashed: string): boolean {
  const match = /^([\x21-\x7d]{0,6})~([1-9][0-9]*)$/.exec(name);
  if (match === null) return false;
  const [, head, digits] = match as unknown as [string, string, string];
  if (head === long.slice(0, 6) && digits.length === 1 && digits <= "4") return true;
  return name.length === 8 && hashed.startsWith(head);
}

/** The names that are looked for: the long one, and the stem that NTFS may hash it to. */
const NAMES = {
  modules: ["gitmodules", "gi7eba"],
  attributes: ["gitattributes", "gi7d29"],
  ignore: ["gitignore", "gi250a"],
  mailmap: ["mailmap", "maba30"],
} as const;

function isDotFile(kind: keyof typeof NAMES, names: { hfs: string; ntfs: string }): boolean {
  const [long, hashed] = NAMES[kind];
  return names.hfs === `.${long}` || names.ntfs === `.${long}` ||
    isNtfsShort(names.ntfs, long, hashed);
}

function classify(bytes: Uint8Array): ProtectedName {
  const raw = latin1.decode(bytes);
  const names = { hfs: hfsName(bytes), ntfs: ntfsName(raw) };
  return {
    git: names.hfs === ".git" || isNtfsGit(raw),
    modules: isDotFile("modules", names),
    attributes: isDotFile("attributes", names),
    ignore: isDotFile("ignore", names),
    mailmap: isDotFile("mailmap", names),
  };
}

/** Names that nearly every repository has, decided once. */
const USUAL: ReadonlyMap<string, ProtectedName> = new Map(
  [
    ".gitattributes",
    ".github",
    ".gitignore",
    ".gitkeep",
    ".gitlab-ci.yml",
    ".gitmodules",
    ".mailmap",
  ].map((name) => [name, classify(new TextEncoder().encode(name))]),
);
const USUAL_BYTES_MAX = Math.max(...[...USUAL.keys()].map((name) => name.length));

/** What a name stands for. `bytes` is the name alone. */
export function protectedName(bytes: Uint8Array): ProtectedName {
  const usual = bytes.length <= USUAL_BYTES_MAX
    ? USUAL.get(String.fromCharCode(...bytes))
    : undefined;
  return usual ?? classify(bytes);
}

/** What the parts behind backslashes stand for: NTFS takes a backslash for a separator. */
export function protectedBehindBackslash(
  bytes: Uint8Array,
): { readonly git: boolean; readonly modules: boolean } {
  const parts = latin1.decode(bytes).split("\\").slice(1);
  const tails = parts.map((_, index) => parts.slice(index).join("\\"));
  return {
    git: tails.some(isNtfsGit),
    modules: tails.some((tail) => isDotFile("modules", { hfs: "", ntfs: ntfsName(tail) })),
  };
}
