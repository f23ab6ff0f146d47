/**
 * Requests of protocol v2: a command, capabilities, then the command's arguments.
 *
 * @module
 */

import type { ObjectFormat } from "../git/oid.ts";
import { addCapability, type Capabilities } from "./capabilities.ts";
import { type PktLine, pktText } from "./pkt_line.ts";
import type { PktLineReader } from "./pkt_line_reader.ts";
import { excerpt, protocolError } from "./protocol_error.ts";

/** Commands of protocol v2 that this server knows. */
export type CommandName = "ls-refs" | "fetch" | "object-info" | "bundle-uri";

/** The head of a request. Its arguments, up to a flush, are still in the reader. */
export interface CommandRequest {
  /** What to do. */
  readonly command: CommandName;
  /** What the client says of itself. */
  readonly capabilities: Capabilities;
  /** Values of `server-option`, in order. */
  readonly serverOptions: readonly string[];
}

/** What the server offers, as far as requests are checked against it. */
export interface CommandRequestOptions {
  /** Format of the repository. */
  readonly objectFormat: ObjectFormat;
  /** Commands that were advertised. */
  readonly commands: readonly CommandName[];
}

/** Most capability lines of one request; git clients send a handful. */
const CAPABILITY_LINE_COUNT_MAX = 1000;
const CAPABILITY_NAMES: ReadonlySet<string> = new Set([
  "agent",
  "object-format",
  "server-option",
  "session-id",
]);

class CommandHead {
  command: CommandName | undefined;
  readonly capabilities = new Map<string, string>();
  readonly serverOptions: string[] = [];
  #lineCount = 0;

  get empty(): boolean {
    return this.#lineCount === 0;
  }

  add(line: string, commands: readonly CommandName[]): void {
    if (++this.#lineCount > CAPABILITY_LINE_COUNT_MAX) {
      throw protocolError("too many capabilities", "exhausted");
    }
    if (line.startsWith("command=")) return this.#addCommand(line.slice(8), commands);
    if (!CAPABILITY_NAMES.has(line.split("=", 1)[0]!)) {
      throw protocolError(`unknown capability '${excerpt(line)}'`);
    }
    if (line.startsWith("server-option=")) this.serverOptions.push(line.slice(14));
    else addCapability(this.capabilities, line);
  }

  #addCommand(name: string, commands: readonly CommandName[]): void {
    if (this.command !== undefined) {
      throw protocolError(
        `command '${excerpt(name)}' requested after already requesting command '${this.command}'`,
      );
    }
    this.command = commands.find((command) => command === name);
    if (this.command === undefined) throw protocolError(`invalid command '${excerpt(name)}'`);
  }
}

function checkObjectFormat(head: CommandHead, wanted: ObjectFormat): void {
  const found = head.capabilities.get("object-format") ?? "sha1";
  if (found !== "sha1" && found !== "sha256") {
    throw protocolError(`unknown object format '${excerpt(found)}'`);
  }
  if (found !== wanted) {
    throw protocolError(`mismatched object format: server ${wanted}; client ${found}`);
  }
}

/**
 * Reads the head of the next request. Undefined when the client is done: the stream ended, or it sent
 * an empty request.
 *
 * @throws `invalid` when the request is malformed, with a text for the client
 */
export async function readCommandRequest(
  reader: PktLineReader,
  options: CommandRequestOptions,
): Promise<CommandRequest | undefined> {
  const head = new CommandHead();
  if (await reader.peek() === undefined) return undefined;
  for (;;) {
    const packet = await reader.peek() ?? await reader.expect();
    // A flush ends the arguments too, so it is left for whoever reads them.
    if (packet.kind === "flush") break;
    await reader.read();
    if (packet.kind === "delim") break;
    if (packet.kind === "response-end") throw protocolError("unexpected response end packet");
    head.add(pktText(packet.payload), options.commands);
  }
  if (head.empty && (await reader.peek())?.kind === "flush") {
    await reader.read();
    return undefined;
  }
  const { command, capabilities, serverOptions } = head;
  if (command === undefined) throw protocolError("no command requested");
  checkObjectFormat(head, options.objectFormat);
  return { command, capabilities, serverOptions };
}

/**
 * Calls `add` for each argument of a command, up to the flush.
 *
 * @throws `invalid` when something else than a flush ends them
 */
export async function readArguments(
  reader: PktLineReader,
  options: {
    readonly command: CommandName;
    /** Takes one argument, without its line feed. */
    readonly add: (line: string) => void;
  },
): Promise<void> {
  for (;;) {
    const packet: PktLine = await reader.expect();
    if (packet.kind === "data") options.add(pktText(packet.payload));
    else if (packet.kind === "flush") return;
    else throw protocolError(`expected flush after ${options.command} arguments`);
  }
}
