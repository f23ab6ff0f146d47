/**
 * Reads git's configuration format (git-config, "Syntax"), as far as `.gitmodules` need it.
 *
 * Text is one character per byte: names and values are bytes to git.
 *
 * @module
 */

/** One setting, `[section "subsection"] key = value`. */
export interface ConfigEntry {
  /** Lower case. */
  readonly section: string;
  /** As written in quotes; lower case when it stood behind a dot. */
  readonly subsection?: string;
  /** Lower case. */
  readonly key: string;
  /** Absent when the key stands alone. */
  readonly value?: string;
}

/** What was read: all entries, or those in front of the first malformed line. */
export interface ConfigReading {
  readonly entries: readonly ConfigEntry[];
  readonly malformed: boolean;
}

const SPACES = " \t\n\r";
const isSpace = (character: string): boolean => SPACES.includes(character);
const isKeyCharacter = (character: string): boolean => /^[A-Za-z0-9-]$/.test(character);

/** Thrown inside the reader only. */
const MALFORMED = Symbol("malformed configuration");

/** Walks over the characters; the end counts as a line feed. */
class ConfigScanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get ended(): boolean {
    return this.#position > this.#text.length;
  }

  next(): string {
    let character = this.#text[this.#position++] ?? "\n";
    if (character === "\r" && (this.#text[this.#position] ?? "") === "\n") {
      this.#position++;
      character = "\n";
    }
    return character;
  }

  skipLine(): void {
    while (this.next() !== "\n");
  }
}

type Section = Pick<ConfigEntry, "section" | "subsection">;

/** Reads what stands between `[` and `]`. */
function readSection(scanner: ConfigScanner): Section {
  let name = "";
  for (;;) {
    const character = scanner.next();
    if (scanner.ended) throw MALFORMED;
    if (character === "]") return splitSection(name);
    if (isSpace(character)) return readQuotedSection(scanner, { name, space: character });
    if (!isKeyCharacter(character) && character !== ".") throw MALFORMED;
    name += character.toLowerCase();
  }
}

/** `[section.subsection]`, the old form. */
function splitSection(name: string): Section {
  if (name === "") throw MALFORMED;
  const dot = name.indexOf(".");
  return dot < 0
    ? { section: name }
    : { section: name.slice(0, dot), subsection: name.slice(dot + 1) };
}

function readQuotedSection(
  scanner: ConfigScanner,
  start: { readonly name: string; readonly space: string },
): Section {
  let character = start.space;
  while (isSpace(character)) {
    if (character === "\n") throw MALFORMED;
    character = scanner.next();
  }
  if (character !== '"') throw MALFORMED;
  let subsection = "";
  for (;;) {
    character = scanner.next();
    if (character === '"') break;
    if (character === "\\") character = scanner.next();
    if (character === "\n") throw MALFORMED;
    subsection += character;
  }
  if (scanner.next() !== "]") throw MALFORMED;
  const dot = start.name.indexOf(".");
  if (dot < 0) return { section: start.name, subsection };
  const section = start.name.slice(0, dot);
  return { section, subsection: `${start.name.slice(dot + 1)}.${subsection}` };
}

const ESCAPES: Readonly<Record<string, string>> = {
  t: "\t",
  b: "\b",
  n: "\n",
  "\\": "\\",
  '"': '"',
  "\n": "",
};

/** Reads a value up to the end of its line; quotes keep blanks and comment signs. */
function readValue(scanner: ConfigScanner): string {
  let value = "";
  /** Length of the value less blanks at its end. */
  let trimmed = 0;
  let quoted = false;
  for (;;) {
    let character = scanner.next();
    if (character === "\n") {
      if (quoted) throw MALFORMED;
      return value.slice(0, trimmed);
    }
    if (!quoted && isSpace(character)) {
      if (value !== "") value += character;
      continue;
    }
    if (!quoted && (character === ";" || character === "#")) {
      scanner.skipLine();
      return value.slice(0, trimmed);
    }
    if (character === '"') {
      quoted = !quoted;
      trimmed = value.length;
      continue;
    }
    if (character === "\\") {
      const escaped = ESCAPES[scanner.next()];
      if (escaped === undefined) throw MALFORMED;
      character = escaped;
    }
    value += character;
    trimmed = value.length;
  }
}

function readEntry(
  scanner: ConfigScanner,
  start: { readonly section: Section; readonly first: string },
): ConfigEntry {
  let key = start.first.toLowerCase();
  let character = scanner.next();
  while (!scanner.ended && isKeyCharacter(character)) {
    key += character.toLowerCase();
    character = scanner.next();
  }
  while (character === " " || character === "\t") character = scanner.next();
  if (character === "\n") return { ...start.section, key };
  if (character !== "=") throw MALFORMED;
  return { ...start.section, key, value: readValue(scanner) };
}

function readInto(entries: ConfigEntry[], text: string): void {
  // A byte order mark in UTF-8, one character per byte.
  const scanner = new ConfigScanner(text.startsWith("\xef\xbb\xbf") ? text.slice(3) : text);
  let section: Section = { section: "" };
  while (!scanner.ended) {
    const character = scanner.next();
    if (isSpace(character)) continue;
    if (character === "#" || character === ";") scanner.skipLine();
    else if (character === "[") section = readSection(scanner);
    else if (/^[A-Za-z]$/.test(character)) {
      entries.push(readEntry(scanner, { section, first: character }));
    } else throw MALFORMED;
  }
}

/** Reads a configuration file. */
export function readConfig(bytes: Uint8Array): ConfigReading {
  const entries: ConfigEntry[] = [];
  try {
    readInto(entries, new TextDecoder("latin1").decode(bytes));
    return { entries, malformed: false };
  } catch (error) {
    if (error !== MALFORMED) throw error;
    return { entries, malformed: true };
  }
}
