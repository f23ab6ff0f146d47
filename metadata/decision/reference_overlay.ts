/**
 * Reference changes that are not applied yet, over the references they will be applied to.
 *
 * @module
 */

import { type Oid, referenceDirectories } from "@gitstratum/core/git";
import type { ReferenceView } from "../partition/partition_view.ts";

/** A {@link ReferenceView} that can be changed without touching what lies below. */
export class ReferenceOverlay implements ReferenceView {
  readonly #below: ReferenceView;
  /** Undefined marks a deletion. */
  readonly #changes = new Map<string, Oid | undefined>();
  /** How many references of {@link #changes} lie in each directory. */
  readonly #directories = new Map<string, number>();

  /** Makes an overlay without changes. */
  constructor(below: ReferenceView) {
    this.#below = below;
  }

  /** {@inheritDoc ReferenceView.get} */
  get(name: string): Oid | undefined {
    return this.#changes.has(name) ? this.#changes.get(name) : this.#below.get(name);
  }

  /** {@inheritDoc ReferenceView.hasBelow} */
  hasBelow(directory: string): boolean {
    if ((this.#directories.get(directory) ?? 0) > 0) return true;
    if (this.#changes.size === 0) return this.#below.hasBelow(directory);
    for (const name of this.#below.namesBelow(directory)) {
      if (!this.#changes.has(name)) return true;
    }
    return false;
  }

  /** {@inheritDoc ReferenceView.namesBelow} */
  *namesBelow(directory: string): Generator<string> {
    for (const name of this.#below.namesBelow(directory)) {
      if (!this.#changes.has(name)) yield name;
    }
    if ((this.#directories.get(directory) ?? 0) === 0) return;
    for (const [name, oid] of this.#changes) {
      if (oid !== undefined && name.startsWith(`${directory}/`)) yield name;
    }
  }

  /** Changes a reference; undefined deletes it. */
  set(name: string, oid: Oid | undefined): void {
    const was = this.#changes.get(name) === undefined ? 0 : 1;
    const is = oid === undefined ? 0 : 1;
    this.#changes.set(name, oid);
    if (is === was) return;
    for (const directory of referenceDirectories(name)) {
      this.#directories.set(directory, (this.#directories.get(directory) ?? 0) + is - was);
    }
  }
}
