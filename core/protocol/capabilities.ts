/**
 * Protocol versions and capabilities (gitprotocol-capabilities, gitprotocol-v2).
 *
 * @module
 */

import type { ObjectFormat } from "../git/oid.ts";
import { PktLineBuffer } from "./pkt_line.ts";
import type { SideBandMode } from "./side_band.ts";

/** Versions of the wire protocol. 1 is 0 with a line in front. */
export type ProtocolVersion = 0 | 1 | 2;

/** The two services of a git server. */
export type GitService = "git-upload-pack" | "git-receive-pack";

/**
 * The version that a client asks for in its `Git-Protocol` header or `GIT_PROTOCOL` variable: the
 * highest known one of a colon-separated list. Anything else in the list is ignored.
 */
export function parseProtocolVersion(text: string | null | undefined): ProtocolVersion {
  let version: ProtocolVersion = 0;
  for (const key of (text ?? "").split(":")) {
    if (key === "version=2") version = 2;
    else if (key === "version=1" && version === 0) version = 1;
  }
  return version;
}

/** Capabilities by name; a capability without `=` has the empty value. Of many, the first counts. */
export type Capabilities = ReadonlyMap<string, string>;

/** Parses a list of capabilities that are parted by spaces. */
export function parseCapabilities(text: string): Capabilities {
  const capabilities = new Map<string, string>();
  for (const each of text.split(/[ \n\t]+/)) {
    if (each !== "") addCapability(capabilities, each);
  }
  return capabilities;
}

/** Adds one capability in the form `name` or `name=value`. */
export function addCapability(capabilities: Map<string, string>, text: string): void {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!capabilities.has(name)) capabilities.set(name, equals < 0 ? "" : text.slice(equals + 1));
}

/** The side band that a client asks for; none by default. */
export function requestedSideBand(capabilities: Capabilities): SideBandMode | undefined {
  if (capabilities.has("side-band-64k")) return "side-band-64k";
  return capabilities.has("side-band") ? "side-band" : undefined;
}

/** Turns any text into a value for `agent`: printable ASCII without spaces. */
export function sanitizeAgent(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]/g, ".");
}

/** What an upload-pack offers beyond the base protocol. Only what is implemented may be true. */
export interface UploadPackFeatures {
  /** `shallow`, `deepen-since`, `deepen-not`, `deepen-relative`. */
  readonly shallow: boolean;
  /** Partial clone. */
  readonly filter: boolean;
  /** Any object that references reach may be wanted. */
  readonly reachableWants: boolean;
  /** `want-ref` (v2). */
  readonly refInWant: boolean;
  /** Everything, not only the pack, comes in side bands (v2). */
  readonly sidebandAll: boolean;
  /** The `object-info` command (v2). */
  readonly objectInfo: boolean;
  /** The `bundle-uri` command (v2): the repository has bundles to offer. */
  readonly bundleUri: boolean;
  /** Packs may come from elsewhere (v2): the repository has some to offer. */
  readonly packfileUris: boolean;
}

/** What every server part supports. */
export const BASE_UPLOAD_PACK_FEATURES: UploadPackFeatures = {
  shallow: false,
  filter: false,
  reachableWants: true,
  refInWant: false,
  sidebandAll: false,
  objectInfo: false,
  bundleUri: false,
  packfileUris: false,
};

/** Facts that every advertisement carries. */
export interface AdvertisedServer {
  /** Format of the repository. */
  readonly objectFormat: ObjectFormat;
  /** Such as `gitstratum/0.1.0`. */
  readonly agent: string;
  /** Printable text without blanks that names the session in logs of both sides. */
  readonly sessionId?: string;
}

function identity(server: AdvertisedServer): string[] {
  const session = server.sessionId === undefined ? [] : [`session-id=${server.sessionId}`];
  return [
    ...session,
    `object-format=${server.objectFormat}`,
    `agent=${sanitizeAgent(server.agent)}`,
  ];
}

/** Names of the features that are on. */
function chosen(names: Readonly<Record<string, boolean>>): string[] {
  return Object.entries(names).filter(([, on]) => on).map(([name]) => name);
}

/** Capabilities of upload-pack in v0 and v1, in the order of git. */
export function uploadPackCapabilities(
  features: UploadPackFeatures,
  server: AdvertisedServer & {
    /** What HEAD points at, when it is born. */
    readonly head?: string;
    /** Whether requests are stateless (HTTP): only then is `no-done` offered. */
    readonly stateless: boolean;
  },
): string {
  return [
    "multi_ack thin-pack side-band side-band-64k ofs-delta",
    ...(features.shallow ? ["shallow deepen-since deepen-not deepen-relative"] : []),
    "no-progress include-tag multi_ack_detailed",
    ...chosen({
      "allow-tip-sha1-in-want": features.reachableWants,
      "allow-reachable-sha1-in-want": features.reachableWants,
      "no-done": server.stateless,
    }),
    ...(server.head === undefined ? [] : [`symref=HEAD:${server.head}`]),
    ...chosen({ filter: features.filter }),
    ...identity(server),
  ].join(" ");
}

/** What a receive-pack offers beyond the base protocol. Only what is implemented may be true. */
export interface ReceivePackFeatures {
  /** `git push -o`. */
  readonly pushOptions: boolean;
  /** Nonce for signed pushes; absent when they are not taken. */
  readonly pushCertNonce?: string;
}

/** Capabilities of receive-pack, in the order of git. */
export function receivePackCapabilities(
  features: ReceivePackFeatures,
  server: AdvertisedServer,
): string {
  return [
    "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta",
    ...(features.pushCertNonce === undefined ? [] : [`push-cert=${features.pushCertNonce}`]),
    ...chosen({ "push-options": features.pushOptions }),
    ...identity(server),
  ].join(" ");
}

/** The capability advertisement of v2, flush included. */
export function advertiseV2(
  features: UploadPackFeatures,
  server: AdvertisedServer,
): Uint8Array<ArrayBuffer> {
  const fetch = [
    ...chosen({ shallow: features.shallow }),
    "wait-for-done",
    ...chosen({
      filter: features.filter,
      "ref-in-want": features.refInWant,
      "sideband-all": features.sidebandAll,
      "packfile-uris": features.packfileUris,
    }),
  ];
  const lines = [
    "version 2",
    `agent=${sanitizeAgent(server.agent)}`,
    "ls-refs=unborn",
    `fetch=${fetch.join(" ")}`,
    "server-option",
    `object-format=${server.objectFormat}`,
    ...(server.sessionId === undefined ? [] : [`session-id=${server.sessionId}`]),
    ...(features.objectInfo ? ["object-info=size"] : []),
    ...chosen({ "bundle-uri": features.bundleUri }),
  ];
  const buffer = new PktLineBuffer();
  for (const line of lines) buffer.text(`${line}\n`);
  return buffer.flush().take();
}

/**
 * What stands in front of an advertisement over HTTP in v0 and v1: the service's name and a flush.
 * In v2 there is no such thing.
 */
export function announceService(service: GitService): Uint8Array<ArrayBuffer> {
  return new PktLineBuffer().text(`# service=${service}\n`).flush().take();
}
