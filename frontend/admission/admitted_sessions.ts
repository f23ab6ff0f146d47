/**
 * Sessions behind an admission: each request of a client is counted, and waits for its turn before any
 * work is done for it.
 *
 * Invariant: what was let in is let go when its last byte is out, when it failed, and when its client
 * is gone.
 *
 * @module
 */

import type { GitService, ProtocolVersion } from "@gitstratum/core/protocol";
import type { RepositoryName } from "@gitstratum/core/rpc";
import type { GitSessions } from "../http/git_routes.ts";
import type { ConversationService, GitConversations } from "../session/git_conversations.ts";
import type { ConversationEnd, SessionCaller, SessionInput } from "../session/session.ts";
import type { Admission } from "./admission.ts";
import { admittedBody } from "./admitted_body.ts";
import type { MemoryPermits } from "./memory_permits.ts";

/** Sessions of a transport on which each request stands alone; its addresses are counted elsewhere. */
export class AdmittedSessions implements GitSessions {
  readonly #sessions: GitSessions;
  readonly #admission: Admission;
  readonly #permits: Pick<MemoryPermits, "acquire">;

  /** Puts sessions behind an admission, and what they read behind permits. */
  constructor(
    sessions: GitSessions,
    admission: Admission,
    permits: Pick<MemoryPermits, "acquire">,
  ) {
    this.#sessions = sessions;
    this.#admission = admission;
    this.#permits = permits;
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
      if (service === "git-receive-pack") yield* this.#sessions.respond(service, name, input);
      else yield* this.#respondToFetch(name, input);
    } finally {
      release();
    }
  }

  async *#respondToFetch(name: RepositoryName, input: SessionInput): AsyncGenerator<Uint8Array> {
    const { body, release } = admittedBody(input.body, this.#permits, input.signal);
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
