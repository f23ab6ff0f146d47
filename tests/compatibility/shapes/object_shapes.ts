/**
 * What is said to object nodes and among them, and what they keep beside segments.
 *
 * @module
 */

import { extentListSchema } from "../../../core/rpc/extents/extent_client.ts";
import { extentInfoSchema, repairStatusSchema } from "@gitstratum/core/rpc";
import { removeExtentsSchema } from "../../../object/extent_service.ts";
import { stampSchema } from "../../../object/node_stamp.ts";
import { checkpointSchema } from "../../../object/ring/disk_checkpoints.ts";
import {
  digestsSchema,
  dropHintSchema,
  forgetSchema,
  foundSchema,
  hintsSchema,
  outcomesSchema,
  rangesSchema,
  recordsSchema,
} from "../../../object/ring/replica_wire.ts";
import { AT_MS, ID, type Shape, shape } from "./shape.ts";

const EXTENT = `${ID}h.0`;
const INFO = { id: EXTENT, owner: ID, bytes: 1, writtenAtMs: AT_MS };
const LIVING = { ...INFO, kind: "living", version: 2, damaged: false };
const REMOVED = { kind: "removed", id: EXTENT, version: 1, removedAtMs: AT_MS };

/** All of it. */
export const OBJECT_SHAPES: readonly Shape[] = [
  shape("extent", extentInfoSchema, INFO),
  shape("extents", extentListSchema, { extents: [INFO] }),
  shape("remove extents", removeExtentsSchema, { ids: [EXTENT] }),
  shape("replica outcomes", outcomesSchema, {
    outcomes: [{ kind: "stored" }, { kind: "differs" }, { kind: "newer", version: 1 }],
  }),
  shape("replica", foundSchema, { record: LIVING }, { record: null }),
  shape("replicas", recordsSchema, { records: [LIVING, REMOVED] }),
  shape("hints", hintsSchema, { hints: [{ target: "object-1", id: EXTENT }] }),
  shape("drop hint", dropHintSchema, { target: "object-1", id: EXTENT, version: 1 }),
  shape("forget replicas", forgetSchema, { records: [{ id: EXTENT, version: 1 }] }),
  shape("ring ranges", rangesSchema, { peer: "object-1", ranges: [{ from: 0, to: 1 }] }),
  shape("ring digests", digestsSchema, { digests: [{ count: 1, sum: ID }] }),
  shape("repair status", repairStatusSchema, {
    ringVersion: 1,
    wantedRingVersion: 2,
    handingOver: true,
    paused: false,
    waiting: false,
    hintCount: 0,
    comparing: true,
    comparison: {
      peerCount: 2,
      peersDoneCount: 1,
      absent: ["object-3"],
      copiedCount: 1,
      copiedBytes: 1,
      failedCount: 0,
    },
  }),
  shape("node stamp", stampSchema, { version: 1, node: "object-1", cluster: ID, filled: true }),
  shape("comparison checkpoint", checkpointSchema, {
    rings: "1",
    peer: "object-2",
    partCount: 1,
    absent: ["object-3"],
    failedCount: 0,
  }),
];
