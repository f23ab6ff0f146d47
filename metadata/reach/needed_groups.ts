/**
 * What the groups that somebody needs can not do without.
 *
 * A pack index names what its objects link to and build upon outside of it, whether anybody reaches
 * that or not, and is read against the groups before its own. So a group is needed, too, when one that
 * is needed refers to what only it has.
 *
 * @module
 */

import type { NetworkIndex } from "./network_index.ts";
import type { Slices } from "./slices.ts";
import { NONE, type StoredGroup } from "./stored_group.ts";

/** Adds to a set of groups those that its members refer to, and those that these refer to. */
export async function addNeededGroups(
  network: NetworkIndex,
  groups: Set<StoredGroup>,
  slices: Slices,
): Promise<void> {
  // A group refers to older ones only, so that one pass from the newest on finds all.
  for (const group of [...network.groups].reverse()) {
    if (!groups.has(group)) continue;
    for (const position of group.externals) {
      if (position === NONE) continue;
      if (!isHeldBefore(network, position, { group, groups })) {
        groups.add(network.groupAt(position));
      }
    }
    if (slices.spend(group.externals.length)) await slices.pause();
  }
}

/** Whether a needed group that is older than this one has the object. */
function isHeldBefore(
  network: NetworkIndex,
  position: number,
  options: { readonly group: StoredGroup; readonly groups: ReadonlySet<StoredGroup> },
): boolean {
  const { group, groups } = options;
  const holds = (at: number) => {
    const holder = network.groupAt(at);
    return holder.number < group.number && groups.has(holder);
  };
  if (holds(position)) return true;
  for (const copy of network.copiesOf(position)) if (holds(copy)) return true;
  return false;
}
