/**
 * The server side of a push: the advertisement, then commands, pack, commit and report.
 *
 * What is wrong with a pack or a command is reported in git's own lines (`unpack …`, `ng …`). The
 * report says "ok" only after the metadata cluster has committed the push durably.
 *
 * @module
 */

import { PUSH_COMMANDS_BYTES_MAX } from "@gitstratum/core";
import {
  advertiseReferenceLines,
  errorPkt,
  flushPkt,
  frameSideBandText,
  keepAlivePkt,
  PktLineReader,
  type ProtocolVersion,
  type PushCommands,
  pushReport,
  readPushCommands,
  receivePackCapabilities,
  type ReceivePackFeatures,
} from "@gitstratum/core/protocol";
import type { JudgedRepository, RepositoryInfo } from "@gitstratum/core/rpc";
import type { IngestedPack, IngestPack } from "./ingest_pack.ts";
import { liveTask } from "./live_task.ts";
import { PackBody } from "./pack_body.ts";
import {
  type CommitOutcome,
  PushCommit,
  type PushCommitOptions,
  unpackFailed,
} from "./push_commit.ts";
import type { PushNonces } from "./push_nonces.ts";
import { endingWithPack } from "./pack_end.ts";
import type { PushTarget } from "./repository_access.ts";
import type { ConversationEnd, SessionCaller } from "./session.ts";
import { deletionWarning, rejectionNotes } from "./rejection_notes.ts";
import { isCallersFault, shownError } from "./shown_error.ts";

/** What receive-pack sessions work with. */
export interface ReceivePackOptions extends PushCommitOptions {
  readonly ingest: IngestPack;
  /** What the server calls itself to clients. */
  readonly agent: string;
  /** Draws an id that names one session in the logs of both sides; absent = none is told. */
  readonly newSessionId?: () => string;
  /** For signed pushes; absent = they are not taken. */
  readonly nonces?: PushNonces;
  readonly features: ReceivePackFeatures;
}

/** How one client talks. */
export interface ReceivePackConversation extends SessionCaller {
  readonly version: ProtocolVersion;
  /** The request stands alone (HTTP): its end tells the end of the pack. */
  readonly stateless: boolean;
}

/** What became of a push, and what people are told beside the report. */
interface ToldOutcome extends CommitOutcome {
  /** What object checks warn of. */
  readonly warnings?: readonly string[];
}

function nameOf(target: PushTarget): string {
  return target.kind === "existing" ? target.repository.name : target.name;
}

/** What a free name shows: nothing. */
function noReferences(): ReadableStream<Uint8Array> {
  return ReadableStream.from([flushPkt()]);
}

/** A push to one repository, or to a free name. */
export class ReceivePackSession {
  readonly #options: ReceivePackOptions;
  readonly #target: PushTarget;
  readonly #conversation: ReceivePackConversation;

  /** Makes a session. */
  constructor(
    options: ReceivePackOptions,
    target: PushTarget,
    conversation: ReceivePackConversation,
  ) {
    this.#options = options;
    this.#target = target;
    this.#conversation = conversation;
  }

  /**
   * References and capabilities. A free name looks like an empty repository, which can only be of one
   * format: a client with sha256 objects refuses to push to it, and has to create it by the API.
   */
  async *advertise(): AsyncGenerator<Uint8Array> {
    const { agent, features, metadata, newSessionId, nonces } = this.#options;
    const target = this.#target;
    const existing = target.kind === "existing" ? target.repository : undefined;
    const lines = target.kind === "absent"
      ? noReferences()
      : target.lines === undefined
      ? await metadata.openReferenceLines(target.repository)
      : ReadableStream.from([target.lines]);
    const objectFormat = existing?.objectFormat ?? "sha1";
    const sessionId = newSessionId === undefined ? {} : { sessionId: newSessionId() };
    const server = { objectFormat, agent, ...sessionId };
    const nonce = nonces === undefined ? {} : { pushCertNonce: nonces.issue(nameOf(target)) };
    const capabilities = receivePackCapabilities({ ...features, ...nonce }, server);
    yield* advertiseReferenceLines(lines, {
      // Version 2 has no push; clients that ask for it are answered in version 0.
      version: this.#conversation.version === 1 ? 1 : 0,
      capabilities,
      objectFormat,
    });
  }

  /** Takes one push and reports what became of it. */
  async *respond(
    body: ReadableStream<Uint8Array>,
  ): AsyncGenerator<Uint8Array, ConversationEnd> {
    const reader = new PktLineReader(body, { bytesMax: PUSH_COMMANDS_BYTES_MAX });
    let push: PushCommands;
    let repository: RepositoryInfo;
    try {
      push = await this.#readCommands(reader);
      if (push.commands.length === 0) {
        await reader.cancel();
        return "answered";
      }
      repository = await this.#options.access.materialise(this.#target, {
        ...push,
        caller: this.#conversation,
      });
    } catch (error) {
      if (!isCallersFault(error)) throw error;
      yield errorPkt(shownError(error));
      return "refused";
    }
    yield* this.#run(push, repository, this.#packBody(reader, push));
    return "answered";
  }

  #packBody(reader: PktLineReader, push: PushCommands): PackBody {
    const { stateless } = this.#conversation;
    const rest = reader.rest();
    return new PackBody(stateless ? rest : endingWithPack(rest, push.objectFormat), { stateless });
  }

  async #readCommands(reader: PktLineReader): Promise<PushCommands> {
    const target = this.#target;
    const { nonces } = this.#options;
    const features = nonces === undefined
      ? this.#options.features
      : { ...this.#options.features, pushCertNonce: nonces.issue(nameOf(target)) };
    const format = target.kind === "absent" ? {} : { objectFormat: target.repository.objectFormat };
    const push = await readPushCommands(reader, { features, ...format });
    if (push.certificate !== undefined) nonces?.check(nameOf(target), push.certificate);
    return push;
  }

  /** Ingest and commit, with progress where the client takes it. */
  async *#run(
    push: PushCommands,
    repository: RepositoryInfo,
    body: PackBody,
  ): AsyncGenerator<Uint8Array> {
    const mode = push.sideBand;
    const { clock } = this.#options;
    const quiet = this.#conversation.stateless ? { quietUntil: body.ended } : {};
    const start = (progress: (text: string) => void) =>
      this.#outcome(push, repository, { body, progress });
    if (mode === undefined) {
      yield pushReport(push, yield* liveTask(start, { clock, ...quiet }));
      return;
    }
    const frameProgress = (text: string) => frameSideBandText(2, text, { mode });
    try {
      const outcome = yield* liveTask(start, {
        clock,
        ...quiet,
        keepAlive: keepAlivePkt(),
        ...(push.quiet ? {} : { frameProgress }),
      });
      const { results, warnings = [], refusal = [] } = outcome;
      const checks = [
        ...warnings.map((line) => `warning: ${line}\n`),
        ...refusal.map((line) => `${line}\n`),
      ]
        .join("");
      const warning = deletionWarning(push.commands, { repository, results });
      const notes = `${checks}${warning}${rejectionNotes(results)}`;
      if (notes !== "") yield frameSideBandText(2, notes, { mode });
      yield pushReport(push, outcome);
    } catch (error) {
      yield frameSideBandText(3, `${shownError(error)}\n`, { mode });
      throw error;
    }
  }

  async #outcome(
    push: PushCommands,
    repository: RepositoryInfo,
    input: { readonly body: PackBody; readonly progress: (text: string) => void },
  ): Promise<ToldOutcome> {
    let ingested: IngestedPack = { group: undefined, warnings: [] };
    const storedAfterMs = this.#options.clock.nowMs();
    try {
      if (push.hasPack) {
        ingested = await this.#options.ingest({
          pack: input.body.stream,
          repository,
          tips: push.commands,
          signal: this.#conversation.signal,
          progress: input.progress,
          comparesLater: true,
        });
      }
    } catch (error) {
      this.#conversation.signal.throwIfAborted();
      await input.body.discardRest();
      return unpackFailed(push, shownError(error));
    }
    await input.body.discardRest();
    const commit = new PushCommit(this.#options, push, this.#conversation);
    const outcome = await commit.run({ repository, judged: this.#judged }, {
      ...ingested,
      storedAfterMs,
    });
    return { ...outcome, warnings: ingested.warnings };
  }

  get #judged(): JudgedRepository | undefined {
    return this.#target.kind === "existing" ? this.#target.judged : undefined;
  }
}
