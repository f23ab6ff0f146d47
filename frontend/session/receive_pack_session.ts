/**
 * The server side of a push: the advertisement, then commands, pack, commit and report.
 *
 * What is wrong with a pack or a command is reported in git's own lines (`unpack …`, `ng …`). The
 * report says "ok" only after the metadata cluster has committed the push durably.
 *
 * @module
 */

import {
  assert,
  type Clock,
  hasCode,
  PUSH_COMMANDS_BYTES_MAX,
  type Random,
} from "@gitstratum/core";
import {
  advertiseReferenceLines,
  errorPkt,
  flushPkt,
  frameSideBandText,
  keepAlivePkt,
  PktLineReader,
  type ProtocolVersion,
  type PushCommands,
  type PushOutcome,
  pushReport,
  readPushCommands,
  receivePackCapabilities,
  type ReceivePackFeatures,
} from "@gitstratum/core/protocol";
import {
  type CommandResult,
  type Metadata,
  newPushId,
  type PackGroup,
  type PushRequest,
  type PushResult,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import type { PushPolicy } from "../events/push_policy.ts";
import { liveTask } from "./live_task.ts";
import { PackBody } from "./pack_body.ts";
import type { PushNonces } from "./push_nonces.ts";
import { endingWithPack } from "./pack_end.ts";
import type { CommitSignatures } from "../access/commit_signatures.ts";
import type { PushTarget, RepositoryAccess } from "./repository_access.ts";
import type { ConversationEnd, SessionCaller } from "./session.ts";
import { deletionWarning, rejectionNotes } from "./rejection_notes.ts";
import { isCallersFault, shownError } from "./shown_error.ts";

/** What taking a pack in needs. */
export interface IngestRequest {
  readonly pack: ReadableStream<Uint8Array>;
  readonly repository: RepositoryInfo;
  /** New values of the push's references. */
  readonly tips: PushRequest["commands"];
  readonly signal: AbortSignal;
  /** Text for people, in git's style: lines that end in `\n`, or in `\r` to be overwritten. */
  readonly progress: (text: string) => void;
}

/** A pack that was taken in. */
export interface IngestedPack {
  /** What was stored; undefined when the pack holds no objects. */
  readonly group: PackGroup | undefined;
  /** The group's index, where it is small. */
  readonly index?: Uint8Array<ArrayBuffer>;
  /** What object checks warn of, in git's words, without line ends. */
  readonly warnings: readonly string[];
}

/** Takes a pack in and stores it durably. */
export type IngestPack = (request: IngestRequest) => Promise<IngestedPack>;

/** What receive-pack sessions work with. */
export interface ReceivePackOptions {
  readonly access: RepositoryAccess;
  readonly metadata: Metadata;
  readonly ingest: IngestPack;
  readonly clock: Clock;
  readonly random: Random;
  /** What the server calls itself to clients. */
  readonly agent: string;
  /** Draws an id that names one session in the logs of both sides; absent = none is told. */
  readonly newSessionId?: () => string;
  /** For references that take signed commits only. */
  readonly signatures: CommitSignatures;
  /** For signed pushes; absent = they are not taken. */
  readonly nonces?: PushNonces;
  readonly features: ReceivePackFeatures;
  /** Asked before each commit; absent = nobody is. */
  readonly policy?: PushPolicy;
}

/** How one client talks. */
export interface ReceivePackConversation extends SessionCaller {
  readonly version: ProtocolVersion;
  /** The request stands alone (HTTP): its end tells the end of the pack. */
  readonly stateless: boolean;
}

/** What became of a push, and what people are told beside the report. */
interface ToldOutcome extends PushOutcome {
  /** What object checks warn of. */
  readonly warnings?: readonly string[];
  /** What the policy says against it. */
  readonly refusal?: readonly string[];
}

/** In git's words, for each command of a push that the policy refuses. */
const POLICY_REASON = "pre-receive hook declined";
/** How often a commit whose outcome is unknown is asked again. */
const COMMIT_ATTEMPTS_MAX = 5;
const COMMIT_RETRY_MS = 200;

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
        });
      }
    } catch (error) {
      this.#conversation.signal.throwIfAborted();
      await input.body.discardRest();
      return { unpackError: shownError(error), results: rejected(push, "unpacker error") };
    }
    await input.body.discardRest();
    const { warnings } = ingested;
    try {
      const refusal = await this.#refusal(push, repository);
      if (refusal !== undefined) {
        return { results: rejected(push, POLICY_REASON), warnings, refusal };
      }
    } catch (error) {
      if (!isCallersFault(error)) throw error;
      return { results: rejected(push, shownError(error)), warnings };
    }
    const stored = storedParts(ingested, storedAfterMs);
    return { results: await this.#commit(push, repository, stored), warnings };
  }

  /** What the policy has to say against a push; undefined when it may be committed. */
  async #refusal(
    push: PushCommands,
    repository: RepositoryInfo,
  ): Promise<readonly string[] | undefined> {
    const { policy } = this.#options;
    if (policy === undefined) return undefined;
    const { transport, remoteAddress, asker, signal } = this.#conversation;
    const { commands, pushOptions } = push;
    const actor = asker.actor();
    const by = { actor, transport, remoteAddress };
    const verdict = await policy.ask({ repository, ...by, commands, pushOptions, signal });
    return verdict.allowed ? undefined : verdict.lines;
  }

  async #commit(
    push: PushCommands,
    repository: RepositoryInfo,
    stored: Pick<PushRequest, "group" | "freshIndex">,
  ): Promise<readonly CommandResult[]> {
    const { random, clock, access } = this.#options;
    const { transport, remoteAddress, asker } = this.#conversation;
    const agent = push.capabilities.get("agent");
    try {
      // A long push may outlive its pusher's permission.
      const pusher = access.pusher(repository, asker);
      const request: PushRequest = {
        pushId: newPushId(random),
        commands: push.commands,
        atomic: push.atomic,
        pushOptions: push.pushOptions,
        ...stored,
        provenance: {
          ...asker.actor(),
          transport,
          atMs: clock.nowMs(),
          ...(remoteAddress === undefined ? {} : { remoteAddress }),
          ...(agent === undefined ? {} : { agent: agent.slice(0, 200) }),
          ...(push.certificate === undefined ? {} : { certificate: push.certificate }),
        },
        pusher,
      };
      const decide = (asked: PushRequest) => this.#push(repository, asked);
      return (await this.#options.signatures.decided(decide, request, repository)).results;
    } catch (error) {
      // A final refusal committed nothing. Anything else leaves the outcome open: that is no report.
      if (!isCallersFault(error) && !hasCode(error, "conflict")) throw error;
      return rejected(push, shownError(error));
    }
  }

  /** Commits; while the outcome is unknown, asks again with the same push id. */
  async #push(repository: RepositoryInfo, request: PushRequest): Promise<PushResult> {
    const { metadata, clock } = this.#options;
    for (let attempt = 1;; attempt++) {
      try {
        return await metadata.push(repository, request);
      } catch (error) {
        assert(attempt <= COMMIT_ATTEMPTS_MAX, "Attempts are counted");
        if (!hasCode(error, "unavailable") || attempt === COMMIT_ATTEMPTS_MAX) throw error;
        await clock.sleep(COMMIT_RETRY_MS * 2 ** attempt);
      }
    }
  }
}

/** What the metadata cluster is told of a pack that was stored. */
function storedParts(
  { group, index }: IngestedPack,
  storedAfterMs: number,
): Pick<PushRequest, "group" | "freshIndex"> {
  if (group === undefined) return {};
  return index === undefined ? { group } : { group, freshIndex: { bytes: index, storedAfterMs } };
}

function rejected(push: PushCommands, reason: string): CommandResult[] {
  return push.commands.map(({ name }) => ({ name, rejected: reason }));
}
