/**
 * Where stored objects are.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { EntryLocation, LocatedObject } from "@gitstratum/core/rpc";
import { packId } from "@gitstratum/core/rpc";
import type { NetworkIndex } from "./network_index.ts";

/** Positions of an object's entry and of its delta bases, the root base last. */
export function chainOf(network: NetworkIndex, position: number): number[] {
  const chain: number[] = [];
  for (let at: number | undefined = position; at !== undefined;) {
    chain.push(at);
    assert(chain.length <= network.size, "A delta chain has no cycle");
    const group = network.groupAt(at);
    at = group.base(at - group.start);
  }
  return chain;
}

/** Where the entry at a position is. */
export function locateEntry(network: NetworkIndex, position: number): EntryLocation {
  const group = network.groupAt(position);
  const ordinal = position - group.start;
  return {
    pack: packId(group.group.groupId, group.index.partAt(ordinal)),
    offset: group.index.offsetAt(ordinal),
    length: group.index.lengthAt(ordinal),
    extentBytes: group.group.extentBytes,
  };
}

/** Where the object at a canonical position is, and how to rebuild it. */
export function locateObject(network: NetworkIndex, position: number): LocatedObject {
  const group = network.groupAt(position);
  return {
    oid: network.oidAt(position),
    type: network.typeAt(position),
    size: group.index.sizeAt(position - group.start),
    chain: chainOf(network, position).map((at) => locateEntry(network, at)),
  };
}
