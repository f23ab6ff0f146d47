/**
 * Whether a history is one that a single copy could have had: each operation takes effect at one moment
 * between its beginning and its end, as a whole.
 *
 * The search is that of Wing and Gong with Lowe's memory of states: take any operation that could have
 * been next, see whether what it heard fits, go on, and go back when it does not. Clients never use a
 * value twice, so few orders fit and the search is short.
 *
 * @module
 */

import type { Operation } from "./history.ts";

/** What a single copy would be. */
export interface Model<What, State> {
  /** The state before everything. */
  readonly initial: State;
  /** The state after an operation; undefined when what it heard does not fit the state before. */
  step(state: State, what: What): State | undefined;
  /** A state as a text. */
  show(state: State): string;
}

/** Steps after which the search gives up: a history that needs more is not one that clients here make. */
const STEP_COUNT_MAX = 400_000;

/** What the search found. */
export type Verdict =
  | { readonly kind: "linearizable" }
  | { readonly kind: "broken"; readonly why: string }
  | { readonly kind: "undecided" };

/** Searches for an order of operations. */
export function checkLinearizable<What, State>(
  model: Model<What, State>,
  operations: readonly Operation<What>[],
): Verdict {
  return new Search(model, operations).run();
}

/** One step back. */
interface Step<State> {
  readonly index: number;
  readonly before: State;
  /** Where to look for another choice. */
  readonly next: number;
}

class Search<What, State> {
  readonly #model: Model<What, State>;
  readonly #operations: readonly Operation<What>[];
  readonly #done: boolean[];
  /** States that lead nowhere. */
  readonly #seen = new Set<string>();
  readonly #steps: Step<State>[] = [];
  #state: State;
  /** The most operations that fitted, and what was next: for people. */
  #best = { count: -1, why: "" };

  constructor(model: Model<What, State>, operations: readonly Operation<What>[]) {
    this.#model = model;
    this.#state = model.initial;
    this.#operations = [...operations].sort((a, b) => a.begin - b.begin);
    this.#done = this.#operations.map(() => false);
  }

  run(): Verdict {
    let from = 0;
    for (let step = 0; step < STEP_COUNT_MAX; step++) {
      const firstEnd = this.#firstEnd();
      // Whatever is left may never have taken effect.
      if (firstEnd === Infinity) return { kind: "linearizable" };
      const found = this.#take(from, firstEnd);
      if (found) {
        from = 0;
        continue;
      }
      this.#remember(firstEnd);
      const last = this.#steps.pop();
      if (last === undefined) return { kind: "broken", why: this.#best.why };
      this.#done[last.index] = false;
      this.#state = last.before;
      from = last.next;
    }
    return { kind: "undecided" };
  }

  /** The first end of an operation that was answered: nothing that began later can come before it. */
  #firstEnd(): number {
    let first = Infinity;
    for (const [index, { end }] of this.#operations.entries()) {
      if (!this.#done[index] && end < first) first = end;
    }
    return first;
  }

  /** Takes the next operation that fits, and leads somewhere that was not seen. */
  #take(from: number, firstEnd: number): boolean {
    for (let index = from; index < this.#operations.length; index++) {
      if (this.#done[index]) continue;
      const { what, begin } = this.#operations[index]!;
      if (begin > firstEnd) break;
      const after = this.#model.step(this.#state, what);
      if (after === undefined) continue;
      this.#done[index] = true;
      const key = this.#key(after);
      if (this.#seen.has(key)) {
        this.#done[index] = false;
        continue;
      }
      this.#seen.add(key);
      this.#steps.push({ index, before: this.#state, next: index + 1 });
      this.#state = after;
      return true;
    }
    return false;
  }

  #key(state: State): string {
    const done = this.#done.map((isDone) => isDone ? "1" : "0").join("");
    return `${done} ${this.#model.show(state)}`;
  }

  #remember(firstEnd: number): void {
    if (this.#steps.length <= this.#best.count) return;
    const stuck = this.#operations.filter(({ end }, index) =>
      !this.#done[index] && end === firstEnd
    );
    const state = this.#model.show(this.#state);
    const shown = Deno.inspect({ stuck, state }, {
      depth: 6,
      iterableLimit: 20,
      strAbbreviateSize: 2000,
    });
    this.#best = { count: this.#steps.length, why: shown };
  }
}
