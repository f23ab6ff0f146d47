/**
 * What sessions and whoever takes packs in know of each other.
 *
 * @module
 */

import type { Oid } from "@gitstratum/core/git";
import type { PackGroup, PushRequest, RepositoryInfo } from "@gitstratum/core/rpc";

/** What taking a pack in needs. */
export interface IngestRequest {
  readonly pack: ReadableStream<Uint8Array>;
  readonly repository: RepositoryInfo;
  /** New values of the push's references. */
  readonly tips: PushRequest["commands"];
  readonly signal: AbortSignal;
  /** Text for people, in git's style: lines that end in `\n`, or in `\r` to be overwritten. */
  readonly progress: (text: string) => void;
  /** Whoever asks does what {@link IngestedPack.comparison} asks for. */
  readonly comparesLater: true;
}

/** A pack that was taken in. */
export interface IngestedPack {
  /** What was stored; undefined when the pack holds no objects. */
  readonly group: PackGroup | undefined;
  /** The group's index, where it is small. */
  readonly index?: Uint8Array<ArrayBuffer>;
  /** What object checks warn of, in git's words, without line ends. */
  readonly warnings: readonly string[];
  /** Objects that were not compared with those that the network has under the same ids. */
  readonly comparison?: PackComparison;
}

/** Objects that are to be compared before a push is committed. */
export interface PackComparison {
  /** All of them. */
  readonly oids: readonly Oid[];
  /**
   * Compares some of them with what the network has.
   *
   * @throws `invalid` when the network has another object under the id of one
   */
  compare(oids: readonly Oid[]): Promise<void>;
}

/** Takes a pack in and stores it durably. */
export type IngestPack = (request: IngestRequest) => Promise<IngestedPack>;
