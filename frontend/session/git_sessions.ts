/**
 * Makes a session for whatever a transport is asked: finds the repository, picks the service.
 *
 * @module
 */

import type { GitService, ProtocolVersion } from "@gitstratum/core/protocol";
import type { RepositoryName } from "@gitstratum/core/rpc";
import type { GitSessions } from "../http/git_routes.ts";
import { BundleSession } from "./bundle_session.ts";
import { type ReceivePackOptions, ReceivePackSession } from "./receive_pack_session.ts";
import type { PushTarget } from "./repository_access.ts";
import type { SessionCaller, SessionInput } from "./session.ts";
import { type UploadPackOptions, UploadPackSession } from "./upload_pack_session.ts";

/** Sessions for a transport on which every request stands alone. */
export class StatelessSessions implements GitSessions {
  readonly #upload: UploadPackOptions;
  readonly #receive: ReceivePackOptions;

  /** Makes sessions with the given parts. */
  constructor(upload: UploadPackOptions, receive: ReceivePackOptions) {
    this.#upload = upload;
    this.#receive = receive;
  }

  /** See {@link GitSessions.advertise}. */
  async *advertise(
    service: GitService,
    name: RepositoryName,
    options: SessionCaller & { readonly version: ProtocolVersion },
  ): AsyncGenerator<Uint8Array> {
    const session = service === "git-receive-pack"
      ? this.#pushSession(await this.#receive.access.forPushListed(name, options), options)
      : await this.#session(service, name, options);
    yield* session.advertise();
  }

  /** See {@link GitSessions.respond}. */
  async *respond(
    service: GitService,
    name: RepositoryName,
    input: SessionInput,
  ): AsyncGenerator<Uint8Array> {
    yield* (await this.#session(service, name, input)).respond(input.body);
  }

  /** See {@link GitSessions.bundle}. */
  async *bundle(
    name: RepositoryName,
    tip: string,
    caller: SessionCaller,
  ): AsyncGenerator<Uint8Array> {
    const repository = await this.#receive.access.forFetch(name, caller);
    const { signal } = caller;
    yield* new BundleSession(this.#upload, repository, signal).send(tip);
  }

  async #session(
    service: GitService,
    name: RepositoryName,
    caller: SessionCaller & { readonly version: ProtocolVersion },
  ): Promise<UploadPackSession | ReceivePackSession> {
    const { access } = this.#receive;
    switch (service) {
      case "git-upload-pack": {
        const { version, signal } = caller;
        const conversation = { version, signal, stateless: true };
        return new UploadPackSession(
          this.#upload,
          await access.forFetch(name, caller),
          conversation,
        );
      }
      case "git-receive-pack":
        return this.#pushSession(await access.forToldPush(name, caller), caller);
    }
  }

  #pushSession(
    target: PushTarget,
    caller: SessionCaller & { readonly version: ProtocolVersion },
  ): ReceivePackSession {
    return new ReceivePackSession(this.#receive, target, { ...caller, stateless: true });
  }
}
