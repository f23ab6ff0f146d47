/**
 * What a push sends ahead of its pack (gitprotocol-pack, "Pushing Data To a Server"): shallow lines,
 * commands or a signed certificate of commands, a flush, and push options when both sides agreed.
 *
 * @module
 */

import { isOid, isZeroOid, OBJECT_FORMATS, type ObjectFormat, type Oid } from "../git/oid.ts";
import { HAVE_COUNT_MAX, PUSH_COMMAND_COUNT_MAX, PUSH_OPTION_COUNT_MAX } from "../limits.ts";
import type { ReferenceCommand } from "../rpc/metadata/metadata.ts";
import {
  type Capabilities,
  parseCapabilities,
  type ReceivePackFeatures,
  requestedSideBand,
} from "./capabilities.ts";
import { pktText } from "./pkt_line.ts";
import type { PktLineReader } from "./pkt_line_reader.ts";
import { excerpt, protocolError } from "./protocol_error.ts";
import type { SideBandMode } from "./side_band.ts";

/** How the client wants to be told what became of its commands. */
export type ReportStatus = "none" | "report-status" | "report-status-v2";

/** A push, without its pack. */
export interface PushCommands {
  /** In the client's order. Empty: the client only knocks, and gets no answer. */
  readonly commands: readonly ReferenceCommand[];
  /** Commits that the client holds without their parents. */
  readonly clientShallow: readonly Oid[];
  /** What the client says of itself. */
  readonly capabilities: Capabilities;
  /** Format of all ids in the push. */
  readonly objectFormat: ObjectFormat;
  /** Which report the client wants. */
  readonly report: ReportStatus;
  /** Absent: the report comes bare. */
  readonly sideBand?: SideBandMode;
  /** All commands or none. */
  readonly atomic: boolean;
  /** No progress, please. */
  readonly quiet: boolean;
  /** Options of the push, in order. */
  readonly pushOptions: readonly string[];
  /** The signed certificate, as sent: headers, commands, signature. */
  readonly certificate?: string;
  /** Whether a pack follows: something is created or changed. */
  readonly hasPack: boolean;
}

/** What the reader of a push needs to know. */
export interface PushCommandsOptions {
  /** Format of the repository; absent where the push decides, because it creates the repository. */
  readonly objectFormat?: ObjectFormat;
  /** What was advertised. */
  readonly features: ReceivePackFeatures;
}

function formatOf(capabilities: Capabilities, wanted: ObjectFormat | undefined): ObjectFormat {
  const name = capabilities.get("object-format") ?? "sha1";
  const format = OBJECT_FORMATS.find((each) => each === name);
  if (format === undefined || (wanted !== undefined && wanted !== format)) {
    throw protocolError(`error: unsupported object format '${excerpt(name)}'`);
  }
  return format;
}

function parseCommand(line: string, format: ObjectFormat): ReferenceCommand {
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  const oldOid = line.slice(0, Math.max(first, 0));
  const newOid = line.slice(first + 1, Math.max(second, 0));
  if (second < 0 || !isOid(oldOid, format) || !isOid(newOid, format)) {
    throw protocolError(`protocol error: expected old/new/ref, got '${excerpt(line)}'`);
  }
  return { name: line.slice(second + 1), oldOid, newOid };
}

/** Gathers a push line by line. */
class PushLines {
  readonly commands: ReferenceCommand[] = [];
  readonly shallow = new Set<Oid>();
  capabilities: Capabilities = new Map();
  format: ObjectFormat | undefined;
  certificate: string | undefined;
  readonly #options: PushCommandsOptions;

  constructor(options: PushCommandsOptions) {
    this.#options = options;
  }

  /** Takes a line; whether a certificate begins behind it. */
  add(line: string): boolean {
    const nul = line.indexOf("\0");
    const text = nul < 0 ? line : line.slice(0, nul);
    if (nul >= 0 && this.capabilities.size === 0) {
      this.capabilities = parseCapabilities(line.slice(nul + 1));
    }
    if (text.startsWith("shallow ")) {
      this.#addShallow(text.slice(8));
      return false;
    }
    // The first line that is not `shallow` carries the capabilities, if there are any.
    this.format ??= formatOf(this.capabilities, this.#options.objectFormat);
    if (text === "push-cert") return true;
    this.addCommand(text, this.format);
    return false;
  }

  addCommand(line: string, format: ObjectFormat): void {
    if (this.commands.length >= PUSH_COMMAND_COUNT_MAX) {
      throw protocolError("too many commands in one push", "exhausted");
    }
    this.commands.push(parseCommand(line, format));
  }

  #addShallow(oid: string): void {
    // Capabilities come later, so the repository's format is all there is to check against.
    if (!isOid(oid, this.#options.objectFormat)) {
      throw protocolError(`protocol error: expected shallow sha, got '${excerpt(oid)}'`);
    }
    this.shallow.add(oid);
    if (this.shallow.size > HAVE_COUNT_MAX) {
      throw protocolError("too many shallow lines", "exhausted");
    }
  }
}

/** Reads a certificate up to its end line; whether a flush ended it, and with it all commands. */
async function readCertificate(reader: PktLineReader, lines: PushLines): Promise<boolean> {
  const parts: string[] = [];
  const decoder = new TextDecoder();
  for (;;) {
    const packet = await reader.expect();
    if (packet.kind === "flush") return endCertificate(lines, parts, true);
    if (packet.kind !== "data") throw protocolError("protocol error: got an unexpected packet");
    const text = decoder.decode(packet.payload);
    if (text === "push-cert-end\n") return endCertificate(lines, parts, false);
    parts.push(text);
  }
}

function endCertificate(lines: PushLines, parts: readonly string[], flushed: boolean): boolean {
  lines.certificate = (lines.certificate ?? "") + parts.join("");
  return flushed;
}

/** Takes the commands out of a certificate: the lines between its header and its signature. */
function addCertifiedCommands(lines: PushLines, certificate: string): void {
  if (lines.commands.length > 0) {
    throw protocolError("protocol error: got both push certificate and unsigned commands");
  }
  const start = certificate.indexOf("\n\n");
  if (start < 0) throw protocolError(`malformed push certificate ${certificate.slice(0, 100)}`);
  const body = certificate.slice(start + 2);
  const signature = /^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----/m
    .exec(body);
  for (const line of body.slice(0, signature?.index ?? body.length).split("\n")) {
    if (line !== "") lines.addCommand(line, lines.format!);
  }
}

async function readOptions(reader: PktLineReader): Promise<string[]> {
  const options: string[] = [];
  for (;;) {
    const packet = await reader.expect();
    if (packet.kind === "flush") return options;
    if (packet.kind !== "data") throw protocolError("protocol error: got an unexpected packet");
    options.push(pktText(packet.payload));
    if (options.length > PUSH_OPTION_COUNT_MAX) {
      throw protocolError("too many push options", "exhausted");
    }
  }
}

function reportOf(capabilities: Capabilities): ReportStatus {
  if (capabilities.has("report-status-v2")) return "report-status-v2";
  return capabilities.has("report-status") ? "report-status" : "none";
}

async function readLines(reader: PktLineReader, options: PushCommandsOptions): Promise<PushLines> {
  const lines = new PushLines(options);
  for (;;) {
    const packet = await reader.expect();
    if (packet.kind === "flush") break;
    if (packet.kind !== "data") throw protocolError("protocol error: got an unexpected packet");
    if (!lines.add(pktText(packet.payload))) continue;
    if (options.features.pushCertNonce === undefined) {
      throw protocolError("protocol error: push certificates are not accepted");
    }
    if (await readCertificate(reader, lines)) break;
  }
  if (lines.certificate !== undefined) addCertifiedCommands(lines, lines.certificate);
  return lines;
}

/**
 * Reads a push up to its pack, which is the reader's rest. Names are not judged here: a bad name is
 * one command's failure, to be reported as such.
 *
 * @throws `invalid` when a line is malformed or the object format is another
 * @throws `exhausted` when there are too many lines
 * @throws `aborted` when the stream ends early
 */
export async function readPushCommands(
  reader: PktLineReader,
  options: PushCommandsOptions,
): Promise<PushCommands> {
  const lines = await readLines(reader, options);
  const { capabilities, commands, certificate } = lines;
  const takesOptions = options.features.pushOptions && capabilities.has("push-options");
  const sideBand = requestedSideBand(capabilities);
  return {
    commands,
    clientShallow: [...lines.shallow],
    capabilities,
    objectFormat: lines.format ?? options.objectFormat ?? "sha1",
    report: reportOf(capabilities),
    ...(sideBand === undefined ? {} : { sideBand }),
    atomic: capabilities.has("atomic"),
    quiet: capabilities.has("quiet"),
    pushOptions: takesOptions && commands.length > 0 ? await readOptions(reader) : [],
    ...(certificate === undefined ? {} : { certificate }),
    hasPack: commands.some((command) => !isZeroOid(command.newOid)),
  };
}
