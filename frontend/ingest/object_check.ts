/**
 * Git's object checks over the objects of a push.
 *
 * @module
 */

import {
  checkObject,
  type CheckOptions,
  describeFinding,
  type FsckFinding,
  type FsckPolicy,
  type ObjectFormat,
  objectTypeOf,
  type Oid,
  SpecialBlobs,
  type SpecialContent,
} from "@gitstratum/core/git";
import { assert } from "@gitstratum/core";
import { badPack } from "./bad_pack.ts";
import type { IdTable } from "./id_table.ts";

/** Checks each object once, by a policy. */
export class ObjectCheck {
  readonly #options: CheckOptions & { readonly policy: FsckPolicy };
  readonly #special = new SpecialBlobs();
  readonly #ids: IdTable;

  /** Makes checks by `policy`. */
  constructor(
    ids: IdTable,
    options: { readonly format: ObjectFormat; readonly policy: FsckPolicy },
  ) {
    this.#ids = ids;
    this.#options = { ...options, specialBlobs: this.#special };
  }

  /**
   * Checks an object in memory.
   *
   * @throws `invalid` when the policy rejects it
   */
  check(row: number, typeCode: number, bytes: Uint8Array): void {
    const type = objectTypeOf(typeCode);
    assert(type !== undefined, "A resolved object has a type");
    if (type === "blob") {
      if (this.isSpecial(row)) this.checkSpecial(row, { kind: "blob", bytes });
      return;
    }
    this.#reject(row, type, checkObject(type, bytes, this.#options));
  }

  /** Whether a blob has to be checked because of its name in some tree. */
  isSpecial(row: number): boolean {
    return this.#special.any && this.#special.has(this.#ids.hex(row) as Oid);
  }

  /** Checks a blob that has a special name. @throws `invalid` */
  checkSpecial(row: number, content: SpecialContent): void {
    const oid = this.#ids.hex(row) as Oid;
    this.#reject(row, "blob", this.#special.check(oid, content, this.#options));
  }

  /** Special blobs that were not checked yet. */
  pending(): Oid[] {
    return this.#special.any ? this.#special.pending : [];
  }

  #reject(row: number, type: string, findings: readonly FsckFinding[]): void {
    const error = findings.find((finding) => finding.severity === "error");
    if (error === undefined) return;
    throw badPack("Reject an object that fails its check", {
      object: this.#ids.hex(row),
      type,
      problem: describeFinding(error),
    });
  }
}
