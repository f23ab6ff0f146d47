/**
 * Globs as gitignore has them, matched in time proportional to pattern × text: patterns come from
 * whoever pushed the blob that holds them, so nothing may backtrack.
 *
 * Source: gitignore (PATTERN FORMAT), wildmatch with path names.
 *
 * @module
 */

type Token =
  | { readonly kind: "one"; readonly fits: (character: string) => boolean }
  /** Any number of characters; with slashes among them or without. */
  | { readonly kind: "many"; readonly fits: (character: string) => boolean }
  /** Nothing, or any text that ends with a slash. */
  | { readonly kind: "directories" };

const notSlash = (character: string) => character !== "/";
const anything = () => true;

/** A parsed glob. */
export class Glob {
  readonly #tokens: readonly Token[];
  /** The text that the glob is, when it has no wildcard. */
  readonly literal: string | undefined;

  /** Parses a pattern without its leading `!` and `/`. */
  constructor(pattern: string) {
    const parsed = parse(pattern);
    this.#tokens = parsed.tokens;
    this.literal = parsed.literal;
  }

  /** Whether the glob matches the whole text. */
  matches(text: string): boolean {
    const tokens = this.#tokens;
    let states = this.#closure([0]);
    for (const character of text) {
      const next: number[] = [];
      for (const state of states) {
        const token = tokens[state];
        if (token === undefined) continue;
        if (token.kind === "one") {
          if (token.fits(character)) next.push(state + 1);
        } else if (token.kind === "many") {
          if (token.fits(character)) next.push(state);
        } else {
          // Inside the directories until a slash lets the rest begin.
          next.push(~state);
          if (character === "/") next.push(state + 1);
        }
        if (token.kind === "many" && token.fits(character)) next.push(state + 1);
      }
      for (const state of states) {
        if (state >= 0) continue;
        next.push(state);
        if (character === "/") next.push(~state + 1);
      }
      states = this.#closure(next);
      if (states.size === 0) return false;
    }
    return states.has(tokens.length);
  }

  /** Adds the states that are reached without a character. A negative state is inside directories. */
  #closure(states: readonly number[]): Set<number> {
    const closed = new Set<number>();
    const add = (state: number): void => {
      if (closed.has(state)) return;
      closed.add(state);
      const kind = state < 0 ? "inside" : this.#tokens[state]?.kind;
      if (kind === "many" || kind === "directories") add(state + 1);
    };
    for (const state of states) add(state);
    return closed;
  }
}

function parse(pattern: string): { readonly tokens: Token[]; readonly literal?: string } {
  const tokens: Token[] = [];
  let literal: string | undefined = "";
  for (let at = 0; at < pattern.length;) {
    const rest = pattern.slice(at);
    const isStart = at === 0 || pattern[at - 1] === "/";
    const stars = /^\*+/.exec(rest)?.[0].length ?? 0;
    const set = rest.startsWith("[") ? parseSet(rest) : undefined;
    if (stars > 0 || rest.startsWith("?") || rest.startsWith("[")) literal = undefined;
    if (isStart && stars === 2 && rest.startsWith("**/")) {
      tokens.push({ kind: "directories" });
      at += 3;
    } else if (stars > 0) {
      const crosses = isStart && stars === 2 && at + 2 === pattern.length;
      tokens.push({ kind: "many", fits: crosses ? anything : notSlash });
      at += stars;
    } else if (rest.startsWith("?")) {
      tokens.push({ kind: "one", fits: notSlash });
      at++;
    } else if (rest.startsWith("[")) {
      tokens.push({ kind: "one", fits: set?.fits ?? (() => false) });
      at += set?.length ?? 1;
    } else {
      const escaped = rest.startsWith("\\") && rest.length > 1;
      const wanted = String.fromCodePoint(rest.codePointAt(escaped ? 1 : 0)!);
      tokens.push({ kind: "one", fits: (character) => character === wanted });
      if (literal !== undefined) literal += wanted;
      at += (escaped ? 1 : 0) + wanted.length;
    }
  }
  return literal === undefined ? { tokens } : { tokens, literal };
}

/** A bracket expression; undefined when it does not end, which matches nothing. */
function parseSet(
  text: string,
): { readonly length: number; readonly fits: (character: string) => boolean } | undefined {
  const isNegated = text[1] === "!" || text[1] === "^";
  const first = isNegated ? 2 : 1;
  const end = text.indexOf("]", first + 1);
  if (end < 0) return undefined;
  const members = text.slice(first, end);
  const ranges: (readonly [string, string])[] = [];
  for (let at = 0; at < members.length; at++) {
    if (members[at + 1] === "-" && at + 2 < members.length) {
      ranges.push([members[at]!, members[at + 2]!]);
      at += 2;
    } else ranges.push([members[at]!, members[at]!]);
  }
  const fits = (character: string) =>
    character !== "/" &&
    ranges.some(([low, high]) => character >= low && character <= high) !== isNegated;
  return { length: end + 1, fits };
}
