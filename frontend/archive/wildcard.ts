/**
 * Wildcards as git has them in attributes and in paths: `*`, `?`, `[…]`, `\`, and `**` between slashes.
 *
 * Patterns come from whoever pushed or asked, so matching never backtracks: it takes time proportional
 * to pattern × text. Source: gitignore (PATTERN FORMAT), gitglossary (pathspec).
 *
 * @module
 */

import type { ByteText } from "./byte_text.ts";

type Fits = (character: string) => boolean;

type Token =
  | { readonly kind: "one"; readonly fits: Fits }
  /** Any number of characters. */
  | { readonly kind: "many"; readonly fits: Fits }
  /** Nothing, or any text that ends with a slash. */
  | { readonly kind: "directories" };

/** How wildcards match. */
export interface WildcardOptions {
  /** Only `**` matches slashes. */
  readonly pathName: boolean;
  readonly ignoreCase?: boolean;
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  // deno-lint-ignore no-control-regex
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[\x21-\x7e]/,
  lower: /[a-z]/,
  print: /[\x20-\x7e]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\r\f\v]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/** Reads a pattern character by character. */
class PatternReader {
  readonly tokens: Token[] = [];
  readonly #pattern: string;
  readonly #options: WildcardOptions;
  #at = 0;

  constructor(pattern: string, options: WildcardOptions) {
    this.#pattern = pattern;
    this.#options = options;
  }

  /** Undefined when a bracket or a backslash has no end: such a pattern matches nothing. */
  read(): readonly Token[] | undefined {
    while (this.#at < this.#pattern.length) if (!this.#token()) return undefined;
    return this.tokens;
  }

  #token(): boolean {
    const character = this.#pattern[this.#at]!;
    switch (character) {
      case "*":
        return this.#stars();
      case "?":
        this.#at++;
        return this.#one((each) => !this.#isBar(each));
      case "[":
        return this.#bracket();
      case "\\":
        this.#at++;
        if (this.#at >= this.#pattern.length) return false;
    }
    const wanted = this.#folded(this.#pattern[this.#at++]!);
    return this.#one((each) => this.#folded(each) === wanted);
  }

  #one(fits: Fits): boolean {
    this.tokens.push({ kind: "one", fits });
    return true;
  }

  #isBar(character: string): boolean {
    return this.#options.pathName && character === "/";
  }

  #folded(character: string): string {
    return this.#options.ignoreCase ? character.toLowerCase() : character;
  }

  #stars(): boolean {
    const start = this.#at;
    while (this.#pattern[this.#at] === "*") this.#at++;
    const next = this.#pattern[this.#at];
    const isWhole = (start === 0 || this.#pattern[start - 1] === "/") &&
      (next === undefined || next === "/");
    if (this.#options.pathName && this.#at - start === 2 && isWhole && next === "/") {
      this.#at++;
      this.tokens.push({ kind: "directories" });
      return true;
    }
    const crosses = !this.#options.pathName || (this.#at - start === 2 && isWhole);
    this.tokens.push({ kind: "many", fits: crosses ? () => true : (each) => each !== "/" });
    return true;
  }

  #bracket(): boolean {
    let at = this.#at + 1;
    const negated = this.#pattern[at] === "!" || this.#pattern[at] === "^";
    if (negated) at++;
    const parts: Fits[] = [];
    for (let first = true; first || this.#pattern[at] !== "]"; first = false) {
      const part = this.#bracketPart(at);
      if (part === undefined) return false;
      parts.push(part.fits);
      at = part.end;
    }
    this.#at = at + 1;
    return this.#one((each) => !this.#isBar(each) && parts.some((fits) => fits(each)) !== negated);
  }

  /** A class, a range or one character at `at`. */
  #bracketPart(at: number): { readonly fits: Fits; readonly end: number } | undefined {
    const name = /^\[:([a-z]+):\]/.exec(this.#pattern.slice(at, at + 12));
    if (name !== null) {
      const members = CLASSES[name[1]!];
      if (members === undefined) return undefined;
      return { fits: (each) => members.test(each), end: at + name[0].length };
    }
    const low = this.#bracketCharacter(at);
    if (low === undefined) return undefined;
    const isRange = this.#pattern[low.end] === "-" && this.#pattern[low.end + 1] !== "]";
    const high = isRange ? this.#bracketCharacter(low.end + 1) : low;
    if (high === undefined) return undefined;
    const fits = (each: string) => {
      const folded = this.#folded(each);
      return (folded >= low.character && folded <= high.character) ||
        (each >= low.character && each <= high.character);
    };
    return { fits, end: high.end };
  }

  #bracketCharacter(at: number): { readonly character: string; readonly end: number } | undefined {
    const escaped = this.#pattern[at] === "\\" ? at + 1 : at;
    const character = this.#pattern[escaped];
    return character === undefined ? undefined : { character, end: escaped + 1 };
  }
}

/** A parsed pattern. */
export class Wildcard {
  readonly #tokens: readonly Token[] | undefined;

  /** Parses a pattern. */
  constructor(pattern: ByteText, options: WildcardOptions) {
    this.#tokens = new PatternReader(pattern, options).read();
  }

  /** Whether a pattern has anything but plain characters. */
  static isIn(pattern: string): boolean {
    return /[*?[\\]/.test(pattern);
  }

  /** Whether the pattern matches the whole text. */
  matches(text: ByteText): boolean {
    const tokens = this.#tokens;
    if (tokens === undefined) return false;
    // reached[i]: the tokens before i match the text so far. Directories are left at slashes only.
    let reached = new Uint8Array(tokens.length + 1);
    reached[0] = 1;
    skip(tokens, reached);
    const inside = new Uint8Array(tokens.length);
    for (const character of text) {
      const next = new Uint8Array(tokens.length + 1);
      for (const [index, token] of tokens.entries()) {
        if (token.kind === "directories") inside[index]! |= reached[index]!;
        if (token.kind === "directories" ? inside[index] && character === "/" : reached[index]) {
          advance(token, index, { character, next });
        }
      }
      reached = next;
      skip(tokens, reached);
    }
    return reached[tokens.length] === 1;
  }
}

function advance(
  token: Token,
  index: number,
  step: { readonly character: string; readonly next: Uint8Array },
): void {
  if (token.kind === "directories") step.next[index + 1] = 1;
  else if (token.fits(step.character)) step.next[token.kind === "many" ? index : index + 1] = 1;
}

/** Tokens that may match nothing are passed for free. */
function skip(tokens: readonly Token[], reached: Uint8Array): void {
  for (const [index, token] of tokens.entries()) {
    if (reached[index] === 1 && token.kind !== "one") reached[index + 1] = 1;
  }
}
