/**
 * What an ingest asks of the process around it. The engine runs beside its host or in a worker; both
 * see this interface, and what passes through it can be copied between threads.
 *
 * @module
 */

import type { ObjectFormat, Oid } from "@gitstratum/core/git";
import type { ExtentWrite, GroupId, PackGroup } from "@gitstratum/core/rpc";

/** How much of a pack has arrived. */
export interface Arrival {
  /** Bytes so far. */
  readonly bytes: number;
  /** There will be no more. */
  readonly ended: boolean;
}

/** An object of the network that a delta builds on. */
export interface BaseObject {
  readonly oid: Oid;
  /** Type number, 1 to 4. */
  readonly typeCode: number;
  /** Inflated size in bytes. */
  readonly size: number;
  /** Deltas between the object as it is stored and one that is whole. */
  readonly depth: number;
  /** Its bytes, or where in the file of bases they are. */
  readonly content:
    | { readonly kind: "memory"; readonly bytes: Uint8Array<ArrayBuffer> }
    | { readonly kind: "file"; readonly name: string; readonly offset: number };
}

/** The second hash of a stored object, in hexadecimal. */
export interface StoredDigest {
  readonly oid: Oid;
  readonly digest: string;
}

/** The world as an ingest sees it. */
export interface IngestHost {
  /** Resolves once more than `have` bytes have arrived, or all have. */
  arrival(have: number): Promise<Arrival>;
  /** Which of the ids, one after the other, the network stores already: their row numbers. */
  known(oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array>;
  /** Objects that the repository reaches; missing ones are left out. */
  bases(oids: readonly Oid[]): Promise<readonly BaseObject[]>;
  /** Digests of objects that the network stores; missing ones are left out. */
  digests(oids: readonly Oid[]): Promise<readonly StoredDigest[]>;
  /** Stores extents durably. The host may take their buffers over. */
  write(extents: readonly ExtentWrite[]): Promise<void>;
  /** Tells people how far it is: lines that end in `\n`, or in `\r` to be overwritten. */
  progress(text: string): void;
}

/** What one ingest is about. */
export interface IngestJob {
  readonly groupId: GroupId;
  readonly format: ObjectFormat;
  /** New values of the push's references. */
  readonly tips: readonly Oid[];
  /** The network may be compared with after the ingest, where the pack is small. */
  readonly comparesLater?: boolean;
}

/** What became of a pack. */
export interface IngestResult {
  /** What was stored; undefined when the pack held no objects. */
  readonly group: PackGroup | undefined;
  /** The group's index, where it is small. */
  readonly index?: Uint8Array<ArrayBuffer>;
  /** Second hashes of all objects, where the network was not compared with. */
  readonly digests?: readonly StoredDigest[];
  /** Entries of the pack as it came. */
  readonly objectCount: number;
  /** Entries that came as deltas. */
  readonly deltaCount: number;
  /** Entries left out because the pack held the object twice. */
  readonly duplicateCount: number;
  /** Delta bases that the network had to give. */
  readonly baseCount: number;
  /** What object checks warn of, in git's words, without line ends; the first of many. */
  readonly warnings: readonly string[];
  /** Ids of objects outside the push that it links to, one after the other. */
  readonly externalLinks: Uint8Array<ArrayBuffer>;
}
