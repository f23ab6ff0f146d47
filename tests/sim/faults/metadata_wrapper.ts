/**
 * Metadata of which some methods are others.
 *
 * @module
 */

import type { Metadata } from "@gitstratum/core/rpc";

/** The same metadata with some methods replaced. */
export function withMetadata(metadata: Metadata, changes: Partial<Metadata>): Metadata {
  return new Proxy(metadata, {
    get(target, name) {
      const changed = changes[name as keyof Metadata];
      if (changed !== undefined) return changed;
      const value = target[name as keyof Metadata];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
