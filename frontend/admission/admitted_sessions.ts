/**
 * Sessions behind an admission: each request of a client is counted, and waits for its turn before any
 * work is done for it.
 *
 * Invariant: what was let in is let go when its last byte is out, when it failed, and when its client
 * is gone.
 *
 * @module
 */

import { MEMORY_BODY_BYTES } from "@gitstratum/core";
import type { GitService, ProtocolVersion } from "@gitstratum/core/protocol";
import type { RepositoryName } from "@gitstratum/core/rpc";
import type { GitSessions } from "../http/git_routes.ts";
import type { ConversationService, GitConversations } from "../session/git_conversations.ts";
import type { ConversationEnd, SessionCaller, SessionInput } from "../session/session.ts";
import type { Admission } from "./admission.ts";
import { admittedBody, isFreeBody } from "./admitted_body.ts";
import type { RequestMemory } from "./request_memory.ts";

/** Sessions of a transport on which each request stands alone; its addresses are counted elsewhere. */
export class AdmittedSessions implements GitSessions {
  readonly #sessions: GitSessions;
  readonly #admission: Admission;
  readonly #memory: Pick<RequestMemory, "permits" | "bodies">;

  /** Puts sessions behind an admission, and what they read behind permits. */
  constructor(
    sessions: GitSessions,
    admission: Admission,
    memory: Pick<RequestMemory, "permits" | "bodies">,
  ) {
    this.#sessions = sessions;
    this.#admission = admission;
    this.#memory = memory;
  }

  /** See {@link GitSessions.advertise}. */
  async *advertise(
    service: GitService,
    name: RepositoryName,
    options: SessionCaller & { readonly version: ProtocolVersion },
  ): AsyncGenerator<Uint8Array> {
    // An advertisement is short: it is counted, and takes no place.
    this.#admission.countCaller(options, name);
    yield* this.#sessions.advertise(service, name, options);
  }

  /** See {@link GitSessions.respond}. */
  async *respond(
    service: GitService,
    name: RepositoryName,
    input: SessionInput,
  ): AsyncGenerator<Uint8Array> {
    this.#admission.countCaller(input, name);
    const release = await this.#admission.run(input, name);
    try {
      const { signal } = input;
      // A push is read for long, and waits for memory while it is.
      const lane = service === "git-receive-pack" ? "large" : "small";
      const permit = await this.#memory.bodies.acquire({ bytes: MEMORY_BODY_BYTES, lane, signal });
      const { bodyBytes = Infinity } = input;
      const answer = service === "git-receive-pack" || isFreeBody(bodyBytes)
        ? this.#sessions.respond(service, name, input)
        : this.#respondToFetch(name, input);
      yield* releasedByFirst(answer, () => permit.release());
    } finally {
      release();
    }
  }

  async *#respondToFetch(name: RepositoryName, input: SessionInput): AsyncGenerator<Uint8Array> {
    const { body, release } = admittedBody(input.body, this.#memory.permits, input.signal);
    try {
      yield* this.#sessions.respond("git-upload-pack", name, { ...input, body });
    } finally {
      release();
    }
  }

  /** See {@link GitSessions.bundle}. */
  async *bundle(
    name: RepositoryName,
    tip: string,
    caller: SessionCaller,
  ): AsyncGenerator<Uint8Array> {
    this.#admission.countCaller(caller, name);
    const release = await this.#admission.run(caller, name);
    try {
      yield* this.#sessions.bundle(name, tip, caller);
    } finally {
      release();
    }
  }
}

/** The same answer. It begins when the request was read, so that what reading took is given back. */
async function* releasedByFirst(
  answer: AsyncGenerator<Uint8Array>,
  release: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer) {
      release();
      yield chunk;
    }
  } finally {
    release();
  }
}

/** Conversations of a transport that stays open for one. */
export class AdmittedConversations implements GitConversations {
  readonly #conversations: GitConversations;
  readonly #admission: Admission;

  /** Puts conversations behind an admission. */
  constructor(conversations: GitConversations, admission: Admission) {
    this.#conversations = conversations;
    this.#admission = admission;
  }

  /** See {@link GitConversations.converse}. */
  async *converse(
    service: ConversationService,
    name: RepositoryName,
    input: SessionInput,
  ): AsyncGenerator<Uint8Array, ConversationEnd> {
    this.#admission.countAddress(input.remoteAddress);
    this.#admission.countCaller(input, name);
    const release = await this.#admission.run(input, name);
    try {
      return yield* this.#conversations.converse(service, name, input);
    } finally {
      release();
    }
  }
}
