/**
 * Facts of a commit in text: what stands between `$Format:` and `$` in files with the attribute
 * `export-subst` (gitattributes, "Creating an archive"; placeholders of git-log, "PRETTY FORMATS").
 *
 * Placeholders that are not known here stay as they are, as git leaves those that it does not know.
 *
 * @module
 */

import { HeaderCursor, type ObjectFormat, type Oid, parseCommit } from "@gitstratum/core/git";
import { type ByteText, byteText } from "./byte_text.ts";

/** Digits of a short id. Git takes more where they are not unique, which takes a search of all. */
const SHORT_DIGITS = 7;

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Author or committer. */
interface Person {
  readonly name: string;
  readonly email: string;
  readonly timeS: number;
  /** `+hhmm` or `-hhmm`. */
  readonly zone: string;
}

const two = (value: number) => `${value}`.padStart(2, "0");

function parsePerson(line: string): Person {
  const match = /^[a-z]+ (.*?) ?<([^>]*)> ?(\d+)? ?([+-]\d{4})?/s.exec(line);
  const [, name = "", email = "", time = "0", zone = "+0000"] = match ?? [];
  return { name, email, timeS: Number(time), zone };
}

/** The time on the person's own clock. */
function local(person: Person): Date {
  const minutes = Number(person.zone.slice(1, 3)) * 60 + Number(person.zone.slice(3));
  return new Date((person.timeS + (person.zone.startsWith("-") ? -60 : 60) * minutes) * 1000);
}

function gitDate(person: Person): string {
  const at = local(person);
  const day = `${DAYS[at.getUTCDay()]} ${MONTHS[at.getUTCMonth()]} ${at.getUTCDate()}`;
  return `${day} ${clockTime(at)} ${at.getUTCFullYear()} ${person.zone}`;
}

function mailDate(person: Person): string {
  const at = local(person);
  const day = `${DAYS[at.getUTCDay()]}, ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
  return `${day} ${at.getUTCFullYear()} ${clockTime(at)} ${person.zone}`;
}

function clockTime(at: Date): string {
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

function shortDate(person: Person): string {
  const at = local(person);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
}

function isoDate(person: Person): string {
  return `${shortDate(person)} ${clockTime(local(person))} ${person.zone}`;
}

function strictDate(person: Person): string {
  const { zone } = person;
  const suffix = zone === "+0000" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(3)}`;
  return `${shortDate(person)}T${clockTime(local(person))}${suffix}`;
}

/** What a letter behind `%a` or `%c` asks of a person. */
function personFact(person: Person, letter: string): string | undefined {
  switch (letter) {
    case "n":
    case "N":
      return person.name;
    case "e":
    case "E":
      return person.email;
    case "l":
    case "L":
      return person.email.replace(/@.*$/s, "");
    case "t":
      return `${person.timeS}`;
    case "d":
      return gitDate(person);
    case "D":
      return mailDate(person);
    case "i":
      return isoDate(person);
    case "I":
      return strictDate(person);
    case "s":
      return shortDate(person);
    default:
      return undefined;
  }
}

/** The first paragraph on one line, and what follows it. */
function splitMessage(message: string): { readonly subject: string; readonly body: string } {
  const text = message.replace(/^(?:[ \t]*\n)+/, "");
  const end = /\n[ \t]*\n/.exec(text);
  const first = end === null ? text : text.slice(0, end.index);
  const subject = first.split("\n").map((line) => line.trimEnd()).filter(Boolean).join(" ");
  const rest = end === null ? "" : text.slice(end.index + end[0].length);
  return { subject, body: rest.replace(/^(?:[ \t]*\n)+/, "") };
}

/** The first line of a message as a part of a file's name. */
function fileName(message: string): string {
  const first = message.replace(/^(?:[ \t]*\n)+/, "").split("\n", 1)[0]!;
  const plain = first.replaceAll(/[^A-Za-z0-9._]+/g, "-").replaceAll(/\.+/g, ".");
  return plain.replace(/^-+/, "").replace(/[-.]+$/, "");
}

/** A commit that files speak of. */
export class CommitFacts {
  readonly #facts: ReadonlyMap<string, string>;
  readonly #author: Person;
  readonly #committer: Person;

  /** Reads a commit. `names` are the references at it, HEAD first, as `%D` shows them. */
  constructor(
    oid: Oid,
    bytes: Uint8Array,
    options: { readonly format: ObjectFormat; readonly names: readonly string[] },
  ) {
    const { tree, parents } = parseCommit(bytes, options.format);
    const text = byteText(bytes);
    const headEnd = text.indexOf("\n\n");
    const head = headEnd < 0 ? text : text.slice(0, headEnd);
    const message = headEnd < 0 ? "" : text.slice(headEnd + 2);
    const line = (word: string) =>
      head.split("\n").find((each) => each.startsWith(`${word} `)) ?? "";
    this.#author = parsePerson(line("author"));
    this.#committer = parsePerson(line("committer"));
    const { subject, body } = splitMessage(message);
    const short = (id: string) => id.slice(0, SHORT_DIGITS);
    const names = options.names.join(", ");
    this.#facts = new Map([
      ["H", oid],
      ["h", short(oid)],
      ["T", tree],
      ["t", short(tree)],
      ["P", parents.join(" ")],
      ["p", parents.map(short).join(" ")],
      ["s", subject],
      ["f", fileName(message)],
      ["b", body],
      ["B", message.replace(/^(?:[ \t]*\n)+/, "")],
      ["e", line("encoding").slice(9)],
      ["d", names === "" ? "" : ` (${names})`],
      ["D", names],
      ["n", "\n"],
      ["%", "%"],
    ]);
  }

  /** Fills in every `$Format:…$` of a file. */
  fillIn(file: Uint8Array): Uint8Array {
    const text = byteText(file);
    if (!text.includes("$Format:")) return file;
    const filled = text.replaceAll(
      /\$Format:([^$]*)\$/g,
      (_, format: string) => this.#text(format),
    );
    return Uint8Array.from(filled, (character) => character.charCodeAt(0));
  }

  #text(format: string): ByteText {
    return format.replaceAll(
      /%(?:x([0-9a-fA-F]{2})|([ac])([a-zA-Z])|(.))/gs,
      (whole, hex?: string, person?: string, letter?: string, fact?: string) => {
        if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
        if (person === "a") return personFact(this.#author, letter!) ?? whole;
        if (person === "c") return personFact(this.#committer, letter!) ?? whole;
        return this.#facts.get(fact!) ?? whole;
      },
    ) as ByteText;
  }
}

/** Reads the id that a tag points at. @returns undefined when there is none */
export function taggedOid(bytes: Uint8Array, format: ObjectFormat): Oid | undefined {
  const cursor = new HeaderCursor(bytes);
  return cursor.skip("object ") ? cursor.oidLine(format) : undefined;
}
