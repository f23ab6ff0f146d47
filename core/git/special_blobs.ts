/**
 * Blobs whose content matters to git itself: `.gitmodules` and `.gitattributes`.
 *
 * They are checked in two phases. Trees say which blobs they are; a blob is checked when its bytes are
 * seen after that, and whoever runs the checks looks up the {@link SpecialBlobs.pending} ones at the
 * end, wherever they are stored.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { readConfig } from "./config_reader.ts";
import { type FsckFinding, type FsckPolicy, FsckReport } from "./fsck_message.ts";
import type { Oid } from "./oid.ts";
import {
  isDangerousSubmoduleName,
  isDangerousSubmoduleUrl,
  looksLikeOption,
} from "./submodule_setting.ts";

/** Longest `.gitattributes` that git reads, in bytes. */
const ATTRIBUTES_BYTES_MAX = 100 * 1024 * 1024;
/** A line of this many bytes is too long for git. */
const ATTRIBUTES_LINE_BYTES = 2048;

/** What was found at the id of a special blob. */
export type SpecialContent =
  /** The blob's bytes. */
  | { readonly kind: "blob"; readonly bytes: Uint8Array }
  /** A blob that is too large to be held in memory. */
  | { readonly kind: "large" }
  /** An object of another type. */
  | { readonly kind: "other" }
  /** Nothing. */
  | { readonly kind: "missing" };

/** The special blobs of one push. */
export class SpecialBlobs {
  readonly #modules = new Set<Oid>();
  readonly #attributes = new Set<Oid>();
  readonly #checked = new Set<Oid>();

  /** Notes that a tree calls this object `.gitmodules`. */
  addModules(oid: Oid): void {
    this.#add(this.#modules, oid);
  }

  /** Notes that a tree calls this object `.gitattributes`. */
  addAttributes(oid: Oid): void {
    this.#add(this.#attributes, oid);
  }

  /** What trees called `.gitmodules` so far. */
  get modules(): Oid[] {
    return [...this.#modules];
  }

  /** What trees called `.gitattributes` so far. */
  get attributes(): Oid[] {
    return [...this.#attributes];
  }

  /** Whether a blob is to be checked, as far as the trees seen so far say. */
  has(oid: Oid): boolean {
    return this.#modules.has(oid) || this.#attributes.has(oid);
  }

  /** Whether there is any, so that callers need not make ids of all blobs. */
  get any(): boolean {
    return this.#modules.size + this.#attributes.size > 0;
  }

  /** Ids that trees named and {@link check} has not been called for. */
  get pending(): Oid[] {
    return [...new Set([...this.#modules, ...this.#attributes])]
      .filter((oid) => !this.#checked.has(oid));
  }

  /** Checks what stands at an id for which {@link has} is true. */
  check(
    oid: Oid,
    content: SpecialContent,
    options: { readonly policy: FsckPolicy },
  ): readonly FsckFinding[] {
    assert(this.has(oid), "Only special blobs are checked");
    this.#checked.add(oid);
    const report = new FsckReport(options.policy);
    if (this.#modules.has(oid)) checkModules(content, report);
    if (this.#attributes.has(oid)) checkAttributes(content, report);
    return report.findings;
  }

  /** A blob that gets a second name after it was checked under its first is pending again. */
  #add(names: Set<Oid>, oid: Oid): void {
    if (names.has(oid)) return;
    names.add(oid);
    this.#checked.delete(oid);
  }
}

function checkModules(content: SpecialContent, report: FsckReport): void {
  switch (content.kind) {
    case "missing":
      report.add("gitmodulesMissing", "unable to read .gitmodules blob");
      return;
    case "other":
      report.add("gitmodulesBlob", "non-blob found at .gitmodules");
      return;
    case "large":
      report.add("gitmodulesLarge", ".gitmodules too large to parse");
      return;
    case "blob":
      checkModulesBytes(content.bytes, report);
  }
}

function checkModulesBytes(bytes: Uint8Array, report: FsckReport): void {
  const { entries, malformed } = readConfig(bytes);
  for (const { section, subsection, key, value } of entries) {
    if (section !== "submodule" || subsection === undefined) continue;
    if (isDangerousSubmoduleName(subsection)) {
      report.add("gitmodulesName", `disallowed submodule name: ${subsection}`);
    }
    if (value !== undefined) checkSetting(key, value, report);
  }
  if (malformed) report.add("gitmodulesParse", "could not parse gitmodules blob");
}

function checkSetting(key: string, value: string, report: FsckReport): void {
  if (key === "url" && isDangerousSubmoduleUrl(value)) {
    report.add("gitmodulesUrl", `disallowed submodule url: ${value}`);
  }
  if (key === "path" && looksLikeOption(value)) {
    report.add("gitmodulesPath", `disallowed submodule path: ${value}`);
  }
  if (key === "update" && value.startsWith("!")) {
    report.add("gitmodulesUpdate", `disallowed submodule update setting: ${value}`);
  }
}

function checkAttributes(content: SpecialContent, report: FsckReport): void {
  switch (content.kind) {
    case "missing":
      report.add("gitattributesMissing", "unable to read .gitattributes blob");
      return;
    case "other":
      report.add("gitattributesBlob", "non-blob found at .gitattributes");
      return;
    case "large":
      report.add("gitattributesLarge", ".gitattributes too large to parse");
      return;
    case "blob":
      checkAttributesBytes(content.bytes, report);
  }
}

function checkAttributesBytes(bytes: Uint8Array, report: FsckReport): void {
  if (bytes.length > ATTRIBUTES_BYTES_MAX) {
    report.add("gitattributesLarge", ".gitattributes too large to parse");
    return;
  }
  // Git reads it as a C string.
  const nul = bytes.indexOf(0);
  const end = nul < 0 ? bytes.length : nul;
  for (let start = 0; start < end;) {
    const feed = bytes.indexOf(0x0a, start);
    const eol = feed < 0 || feed > end ? end : feed;
    if (eol - start >= ATTRIBUTES_LINE_BYTES) {
      report.add("gitattributesLineLength", ".gitattributes has too long lines to parse");
      return;
    }
    start = eol + 1;
  }
}
