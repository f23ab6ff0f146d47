/**
 * Whole conversations, for transports that stay open for one: the advertisement, then everything that
 * the client says until both are done.
 *
 * @module
 */

import type { GitService } from "@gitstratum/core/protocol";
import type { RepositoryName } from "@gitstratum/core/rpc";
import { type ReceivePackOptions, ReceivePackSession } from "./receive_pack_session.ts";
import type { ConversationEnd, SessionInput } from "./session.ts";
import { type UploadArchiveOptions, UploadArchiveSession } from "./upload_archive_session.ts";
import { type UploadPackOptions, UploadPackSession } from "./upload_pack_session.ts";

/** What a client can talk to over a stateful transport. */
export type ConversationService = GitService | "git-upload-archive";

/** Sessions for transports that keep their connection. */
export interface GitConversations {
  /**
   * Everything the server says in one conversation. What it throws before its first bytes is for
   * people; what it throws later has broken the conversation.
   */
  converse(
    service: ConversationService,
    name: RepositoryName,
    input: SessionInput,
  ): AsyncGenerator<Uint8Array, ConversationEnd>;
}

/** What conversations work with. */
export interface StatefulSessionsOptions {
  readonly upload: UploadPackOptions;
  readonly receive: ReceivePackOptions;
  readonly archive: UploadArchiveOptions;
}

/** Sessions for a transport on which a conversation is one connection. */
export class StatefulSessions implements GitConversations {
  readonly #options: StatefulSessionsOptions;

  /** Makes sessions with the given parts. */
  constructor(options: StatefulSessionsOptions) {
    this.#options = options;
  }

  /** See {@link GitConversations.converse}. */
  async *converse(
    service: ConversationService,
    name: RepositoryName,
    input: SessionInput,
  ): AsyncGenerator<Uint8Array, ConversationEnd> {
    const { upload, receive } = this.#options;
    const { access } = receive;
    switch (service) {
      case "git-upload-pack": {
        const { version, signal } = input;
        const conversation = { version, signal, stateless: false };
        const repository = await access.forFetch(name, input);
        const session = new UploadPackSession(upload, repository, conversation);
        yield* session.advertise();
        return yield* session.respond(input.body);
      }
      case "git-receive-pack": {
        const conversation = { ...input, stateless: false };
        const target = await access.forPushListed(name, input);
        const session = new ReceivePackSession(receive, target, conversation);
        yield* session.advertise();
        return yield* session.respond(input.body);
      }
      case "git-upload-archive":
        return yield* await this.#archive(name, input);
    }
  }

  async #archive(
    name: RepositoryName,
    input: SessionInput,
  ): Promise<AsyncGenerator<Uint8Array, ConversationEnd>> {
    const { archive, receive } = this.#options;
    const repository = await receive.access.forFetch(name, input);
    return new UploadArchiveSession(archive, repository, input.signal).respond(input.body);
  }
}
