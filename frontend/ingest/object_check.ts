/**
 * Git's object checks over the objects of a push.
 *
 * @module
 */

import {
  checkObject,
  type CheckOptions,
  checkTreeSuspects,
  describeFinding,
  type FsckFinding,
  type FsckPolicy,
  type ObjectFormat,
  objectTypeOf,
  type Oid,
  oidBytes,
  SpecialBlobs,
  type SpecialContent,
} from "@gitstratum/core/git";
import { assert } from "@gitstratum/core/assert";
import { badPack } from "./bad_pack.ts";
import type { IdTable } from "./id_table.ts";
import type { IngestMemory, Region } from "./ingest_memory.ts";

/** Entries of a tree that may need a closer look before the whole tree gets one. */
const SUSPECT_COUNT_MAX = 64;
/** Warnings kept of one push: what is odd about one object of a thousand should not fill a screen. */
const WARNING_COUNT_MAX = 20;

/** Checks each object once, by a policy. */
export class ObjectCheck {
  readonly #options: CheckOptions & { readonly policy: FsckPolicy };
  readonly #special = new SpecialBlobs();
  readonly #warnings: string[] = [];
  readonly #ids: IdTable;
  readonly #memory: IngestMemory;
  readonly #suspects: number;

  /** Makes checks by `policy`. */
  constructor(
    ids: IdTable,
    options: {
      readonly format: ObjectFormat;
      readonly policy: FsckPolicy;
      readonly memory: IngestMemory;
    },
  ) {
    const { format, policy, memory } = options;
    this.#ids = ids;
    this.#memory = memory;
    this.#suspects = memory.kernels.alloc(SUSPECT_COUNT_MAX * 4);
    this.#options = { format, policy, specialBlobs: this.#special };
  }

  /** Gives the memory back. */
  close(): void {
    this.#memory.kernels.free(this.#suspects);
  }

  /**
   * Checks an object in memory.
   *
   * @returns whether it is a tree in order, of which there is nothing to say
   * @throws `invalid` when the policy rejects it
   */
  check(row: number, typeCode: number, region: Region): boolean {
    const type = objectTypeOf(typeCode);
    assert(type !== undefined, "A resolved object has a type");
    const bytes = this.#memory.view(region.pointer, region.bytes);
    switch (type) {
      case "blob":
        if (this.isSpecial(row)) this.checkSpecial(row, { kind: "blob", bytes });
        return false;
      case "tree":
        return this.#checkTree(row, region, bytes);
      case "commit":
      case "tag":
        this.#reject(row, type, checkObject(type, bytes, this.#options));
        return false;
    }
  }

  #checkTree(row: number, region: Region, bytes: Uint8Array): boolean {
    const findings = this.#suspectFindings(region, bytes);
    this.#reject(row, "tree", findings ?? checkObject("tree", bytes, this.#options));
    return findings?.length === 0;
  }

  /** The kernel sees at once that most trees are in order; undefined of others. */
  #suspectFindings(region: Region, bytes: Uint8Array): readonly FsckFinding[] | undefined {
    const { kernels } = this.#memory;
    const count = kernels.checkTree(region.pointer, region.bytes, {
      idBytes: oidBytes(this.#options.format),
      suspectsPointer: this.#suspects,
      countMax: SUSPECT_COUNT_MAX,
    });
    if (count === undefined) return undefined;
    if (count === 0) return [];
    const offsets = new Uint32Array(kernels.buffer, this.#suspects, count);
    return checkTreeSuspects(bytes, offsets, this.#options);
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

  /** What the policy only warns of, in git's words, one line each; the first of many. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Takes over what the checks of other objects of the push warn of. */
  addWarnings(lines: readonly string[]): void {
    this.#warnings.push(...lines.slice(0, WARNING_COUNT_MAX - this.#warnings.length));
  }

  /** Blobs that trees gave special names so far. */
  named(): { readonly modules: readonly Oid[]; readonly attributes: readonly Oid[] } {
    return { modules: this.#special.modules, attributes: this.#special.attributes };
  }

  /** Notes blobs that other trees gave special names. */
  addNamed(named: { readonly modules: readonly Oid[]; readonly attributes: readonly Oid[] }): void {
    for (const oid of named.modules) this.#special.addModules(oid);
    for (const oid of named.attributes) this.#special.addAttributes(oid);
  }

  /** Special blobs that were not checked yet. */
  pending(): Oid[] {
    return this.#special.any ? this.#special.pending : [];
  }

  #reject(row: number, type: string, findings: readonly FsckFinding[]): void {
    const error = findings.find((finding) => finding.severity === "error");
    if (error === undefined) return this.#warn(row, findings);
    throw badPack("Reject an object that fails its check", {
      object: this.#ids.hex(row),
      type,
      problem: describeFinding(error),
    });
  }

  #warn(row: number, findings: readonly FsckFinding[]): void {
    if (findings.length === 0) return;
    const oid = this.#ids.hex(row);
    this.addWarnings(findings.map((finding) => `object ${oid}: ${describeFinding(finding)}`));
  }
}
