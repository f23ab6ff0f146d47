/**
 * The seam between the writing and the reading side of the metadata: which pack groups a network
 * has, and which references a repository has.
 *
 * Both are views of applied state: they never show a push before its commit point, and a group is in
 * the catalogue from the same transaction on that moves the first reference to one of its objects.
 *
 * @module
 */

import type { ObjectFormat, Oid } from "@gitstratum/core/git";
import type { NetworkId, PackGroup, RepositoryId } from "@gitstratum/core/rpc";

/** A pack group with its place in the network's history. */
export interface CataloguedGroup {
  /** Ascends in commit order within a network, with gaps; never used twice. */
  readonly sequence: number;
  /** What it consists of. */
  readonly group: PackGroup;
  /** The repository that it was pushed to. */
  readonly repositoryId: RepositoryId;
}

/** What decides whether a reader's copy of a network's catalogue is current. */
export interface CatalogueVersion {
  /** Sequence of the newest group, 0 when there is none: groups after it may be added to a copy. */
  readonly sequence: number;
  /** Grows when a group was removed or replaced: copies of another generation are void. */
  readonly generation: number;
}

/** The pack groups of all networks that this node serves. */
export interface PackCatalogue {
  /** Groups with `sequence > after` (default 0: all) in commit order. An unknown network has none. */
  groups(networkId: NetworkId, after?: number): readonly CataloguedGroup[];
  /** Cheap: one look-up. */
  version(networkId: NetworkId): CatalogueVersion;
}

/** The references of one repository as the reachability rules see them. */
export interface RepositoryRefsView {
  /** Which repository. */
  readonly repositoryId: RepositoryId;
  /** The network whose packs it can draw on. */
  readonly networkId: NetworkId;
  /** The hash function of its ids. */
  readonly objectFormat: ObjectFormat;
  /** Names the view: hidden references make two of one repository. */
  readonly closureKey: string;
  /** Grows with every change of a reference; equal versions of equal keys have equal tips. */
  readonly version: number;
  /**
   * What is reachable by right: the ids of current references and of former ones within their grace
   * time, peeled values not included, duplicates possible. Consume it without awaiting in between.
   */
  tips(): Iterable<Oid>;
  /**
   * Tips that came after an older version: `tips()` of that version and these together cover
   * `tips()` of this one. Undefined when that is no longer known: take `tips()`.
   */
  tipsSince(version: number): readonly Oid[] | undefined;
  /** The current id of a reference by its full name; `HEAD` follows to its branch. */
  resolve(name: string): Oid | undefined;
}
