/**
 * Progress in git's style: `Resolving deltas:  12% (3/25)`, overwritten until it is done.
 *
 * @module
 */

/** One line of progress; told at most once for each percent. */
export class ProgressLine {
  readonly #title: string;
  readonly #tell: (text: string) => void;
  #percent = -1;

  /** Makes a line that nobody has seen yet. */
  constructor(title: string, tell: (text: string) => void) {
    this.#title = title;
    this.#tell = tell;
  }

  /** Shows how far it is. */
  show(done: number, total: number): void {
    const percent = Math.floor(done / total * 100);
    if (percent <= this.#percent || done >= total) return;
    this.#percent = percent;
    this.#tell(`${this.#text(percent, done, total)}\r`);
  }

  /** Ends the line. */
  finish(total: number): void {
    this.#tell(`${this.#text(100, total, total)}, done.\n`);
  }

  #text(percent: number, done: number, total: number): string {
    return `${this.#title}: ${String(percent).padStart(3)}% (${done}/${total})`;
  }
}
