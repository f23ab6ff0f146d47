/**
 * Object checks as `git fsck` and `git index-pack --strict` make them, with git's message ids.
 *
 * @module
 */

import { checkCommit, checkTag } from "./commit_check.ts";
import {
  DEFAULT_PUSH_POLICY,
  type FsckFinding,
  type FsckPolicy,
  FsckReport,
} from "./fsck_message.ts";
import type { ObjectType } from "./object_type.ts";
import { type ObjectFormat, oidFromBytes } from "./oid.ts";
import type { SpecialBlobs } from "./special_blobs.ts";
import { checkTree, checkTreeEntries, type TreeCheckSink } from "./tree_check.ts";

/** How to check an object. */
export interface CheckOptions {
  /** Format of the repository. */
  readonly format: ObjectFormat;
  /** {@link DEFAULT_PUSH_POLICY} unless given. */
  readonly policy?: FsckPolicy;
  /** Where trees note blobs that need a check of their own. */
  readonly specialBlobs: SpecialBlobs;
}

/**
 * Checks one object by itself; nothing it links to is looked at. Blobs pass: those that matter are
 * checked by {@link SpecialBlobs.check} once trees have named them.
 *
 * @returns what is wrong, in the order of git; errors and warnings.
 */
export function checkObject(
  type: ObjectType,
  bytes: Uint8Array,
  options: CheckOptions,
): readonly FsckFinding[] {
  const { format, specialBlobs } = options;
  const report = new FsckReport(options.policy ?? DEFAULT_PUSH_POLICY);
  switch (type) {
    case "commit":
      checkCommit(bytes, format, report);
      break;
    case "tag":
      checkTag(bytes, format, report);
      break;
    case "tree":
      checkTree(bytes, format, { report, sink: sinkOf(bytes, format, specialBlobs) });
      break;
    case "blob":
      break;
  }
  return report.findings;
}

/**
 * Checks a tree of which only the entries that begin at `offsets` are in doubt, because the kernels
 * vouch for the rest: `Kernels.checkTree`.
 *
 * @returns what {@link checkObject} would
 */
export function checkTreeSuspects(
  bytes: Uint8Array,
  offsets: Uint32Array,
  options: CheckOptions,
): readonly FsckFinding[] {
  const { format, specialBlobs } = options;
  const report = new FsckReport(options.policy ?? DEFAULT_PUSH_POLICY);
  const sink = sinkOf(bytes, format, specialBlobs);
  checkTreeEntries(bytes, format, { offsets, report, sink });
  return report.findings;
}

/** Notes the blobs that a tree gives special names. */
function sinkOf(
  bytes: Uint8Array,
  format: ObjectFormat,
  specialBlobs: SpecialBlobs,
): TreeCheckSink {
  return {
    modules: (offset) => specialBlobs.addModules(oidFromBytes(bytes, format, offset)),
    attributes: (offset) => specialBlobs.addAttributes(oidFromBytes(bytes, format, offset)),
  };
}

/** A finding as git prints it: `<id>: <message>`. */
export function describeFinding(finding: FsckFinding): string {
  return `${finding.id}: ${finding.message}`;
}
