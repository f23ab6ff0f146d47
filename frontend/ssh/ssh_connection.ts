/**
 * One SSH connection: a login, then sessions that each run one service of git. Everything else that
 * SSH knows (shells, terminals, subsystems, forwarding, agents) is refused in words.
 *
 * Fault model: the client may do anything at any time. Every end of the connection, wanted or not,
 * stops the sessions on it.
 *
 * @module
 */

import { assert, type Clock, GitStratumError } from "@gitstratum/core";
import { parseProtocolVersion } from "@gitstratum/core/protocol";
import type { Asker } from "../access/asker.ts";
import type { ClientTurns, StalledStreams } from "../admission/stalled_streams.ts";
import type { GitConversations } from "../session/git_conversations.ts";
import type { ConversationEnd, SessionInput } from "../session/session.ts";
import { isCallersFault, shownError } from "../session/shown_error.ts";
import { ChannelLink } from "./channel_link.ts";
import type { PeerSocket } from "./peer_socket.ts";
import type { Connection, ServerChannel, Session } from "./ssh2.ts";
import { parseSshCommand } from "./ssh_command.ts";
import type { SshLimits } from "./ssh_limits.ts";
import { type AuthenticateKey, SshLogin } from "./ssh_login.ts";

/** What connections work with. */
export interface SshConnectionOptions {
  readonly clock: Clock;
  readonly limits: SshLimits;
  readonly authenticate: AuthenticateKey;
  readonly conversations: GitConversations;
  /** Ends streams that stall; absent = clients may take their time. */
  readonly streams?: StalledStreams;
  /** Told of failures that are not the client's. */
  onFailure(error: unknown, facts: { readonly remoteAddress?: string }): void;
}

/** The only variable that a client may set, and its longest value. */
const PROTOCOL_VARIABLE = "GIT_PROTOCOL";
const PROTOCOL_CHARACTERS_MAX = 256;

/** How long a client may take to close a connection that the server has ended, in milliseconds. */
const GOODBYE_MS = 2000;

/** Exit codes as shells give them: a refused command, one that failed, one that is unknown. */
const EXIT_REFUSED = 1;
const EXIT_FAILED = 128;
const EXIT_UNKNOWN = 127;

const NO_SHELL = "GitStratum: you are logged in, but this server has no shell, only git";
const NO_SUBSYSTEM = "GitStratum: this server has no subsystems, only git";

/** Writes all that a conversation says; how it ended. */
async function sent(
  output: AsyncGenerator<Uint8Array, ConversationEnd>,
  link: ChannelLink,
  turns: ClientTurns | undefined,
): Promise<ConversationEnd> {
  try {
    for (;;) {
      const next = await output.next();
      if (next.done) return next.value;
      turns?.begin();
      await link.write(next.value);
      turns?.end(next.value.length);
    }
  } finally {
    turns?.close();
    // A client that is gone takes no more: whatever the conversation holds is given back.
    await output.return("refused");
  }
}

/** A connection from its handshake to its end. */
export class SshConnection {
  readonly #client: Connection;
  readonly #socket: PeerSocket;
  readonly #options: SshConnectionOptions;
  readonly #login: SshLogin;
  readonly #links = new Set<ChannelLink>();
  readonly #ended = new AbortController();
  #sessionCount = 0;
  #asker: Asker | undefined;
  #activeMs: number;

  /** Takes a connection over. */
  constructor(client: Connection, socket: PeerSocket, options: SshConnectionOptions) {
    this.#client = client;
    this.#socket = socket;
    this.#options = options;
    this.#login = new SshLogin(options.authenticate);
    this.#activeMs = options.clock.monotonicMs();
    socket.guard(() => this.#checkOverrun());
    socket.closed.then(() => this.#end());
    this.#listen();
  }

  /** Whether the client has logged in. */
  get isLoggedIn(): boolean {
    return this.#asker !== undefined;
  }

  /** How many sessions run a service. */
  get runningCount(): number {
    return this.#links.size;
  }

  /** Says good-bye, stops sessions that still run, and closes the connection within a bound. */
  close(): void {
    for (const link of this.#links) {
      link.abort(new GitStratumError("aborted", "Close the connection"));
    }
    this.#client.end();
    const goodbye = this.#options.clock.sleep(GOODBYE_MS, this.#ended.signal);
    // The sleep is cut short when the client has closed it.
    goodbye.then(() => this.#socket.destroy(), () => undefined);
  }

  #end(): void {
    for (const link of this.#links) link.abort(new GitStratumError("aborted", "Lose the client"));
    this.#ended.abort();
  }

  #listen(): void {
    const client = this.#client;
    // A client that breaks the protocol or its connection is cut off by the library.
    client.on("error", () => this.#socket.destroy());
    client.on("rekey", () => this.#socket.keysExchanged());
    client.on("authentication", (context) => {
      this.#login.decide(context).then((asker) => {
        if (asker !== undefined) this.#admit(asker);
        if (this.#login.exhausted) this.close();
      }).catch((error) => this.#fail(error));
    });
    client.on("ready", () => {
      this.#watchIdle().catch((error) => this.#fail(error));
    });
    client.on("session", (accept, reject) => {
      if (this.#sessionCount >= this.#options.limits.channelCountMax) return reject();
      this.#openSession(accept());
    });
  }

  /** Takes somebody in, for as long as their key lets them in. */
  #admit(asker: Asker): void {
    this.#asker = asker;
    const { signal } = this.#ended;
    asker.lost(signal).then(() => this.close(), (error) => {
      if (!signal.aborted) this.#fail(error);
    });
  }

  /** Ends a connection on which nothing has moved for too long. */
  async #watchIdle(): Promise<void> {
    const { clock, limits } = this.#options;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const leftMs = this.#activeMs + limits.idleMsMax - clock.monotonicMs();
      if (leftMs <= 0) return this.close();
      await clock.sleep(leftMs, signal).catch((error) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  #checkOverrun(): void {
    for (const link of this.#links) if (link.isOverrun) this.#socket.destroy();
  }

  #openSession(session: Session): void {
    this.#sessionCount++;
    session.once("close", () => this.#sessionCount--);
    let protocol = "";
    session.on("env", (accept, reject, { key, val }) => {
      if (key !== PROTOCOL_VARIABLE || val.length > PROTOCOL_CHARACTERS_MAX) return reject?.();
      protocol = val;
      accept?.();
    });
    session.on("shell", (accept) => this.#refuse(accept(), NO_SHELL));
    session.on("subsystem", (accept) => this.#refuse(accept(), NO_SUBSYSTEM));
    session.on("exec", (accept, _reject, { command }) => {
      const channel = accept();
      // One session runs one command; a second request of it is answered by nothing at all.
      if (channel === undefined) return;
      this.#run(this.#link(channel), command, protocol).catch((error) => this.#fail(error));
    });
  }

  #link(channel: ServerChannel): ChannelLink {
    const onActivity = () => void (this.#activeMs = this.#options.clock.monotonicMs());
    const turns = this.#options.streams?.watch((reason) => link.abort(reason));
    const link = new ChannelLink(channel, { socket: this.#socket, onActivity, turns });
    link.ended.then(() => turns?.close());
    return link;
  }

  #refuse(channel: ServerChannel | undefined, message: string): void {
    if (channel === undefined) return;
    this.#link(channel).finish(EXIT_REFUSED, message).catch((error) => this.#fail(error));
  }

  async #run(link: ChannelLink, command: string, protocol: string): Promise<void> {
    this.#links.add(link);
    try {
      const { service, name } = parseSshCommand(command);
      const output = this.#options.conversations.converse(service, name, {
        ...this.#caller(link),
        version: parseProtocolVersion(protocol),
        body: link.body,
      });
      // What waits in a socket that takes nothing ends with the connection only.
      const taking = this.#options.streams?.watch(() => this.#socket.destroy());
      await link.finish(await sent(output, link, taking) === "refused" ? EXIT_FAILED : 0);
    } catch (error) {
      await this.#explain(link, error);
    } finally {
      this.#links.delete(link);
    }
  }

  #caller(link: ChannelLink): Omit<SessionInput, "version" | "body"> {
    const { remoteAddress } = this.#socket;
    const asker = this.#asker;
    assert(asker !== undefined, "Nobody runs a command before they have logged in");
    return {
      transport: "ssh",
      asker,
      signal: link.signal,
      onReading: (mayGoOn) => this.#endWhenLost(link, mayGoOn),
      onMoved: (present) => link.tell(`GitStratum: the repository is now called ${present}`),
      ...(remoteAddress === undefined ? {} : { remoteAddress }),
    };
  }

  /**
   * Ends the connection while a command reads by a role which is taken away: what is in the client's
   * window could not be told from a whole answer otherwise.
   */
  #endWhenLost(link: ChannelLink, mayGoOn: () => boolean): void {
    const over = new AbortController();
    link.ended.then(() => over.abort("The command is over"));
    this.#asker?.lost(over.signal, mayGoOn).then(
      () => this.close(),
      (error) => {
        if (!over.signal.aborted) this.#fail(error);
      },
    );
  }

  async #explain(link: ChannelLink, error: unknown): Promise<void> {
    if (link.signal.aborted) return;
    const isUnknown = error instanceof GitStratumError && error.code === "unsupported";
    if (!isCallersFault(error)) this.#fail(error);
    await link.finish(isUnknown ? EXIT_UNKNOWN : EXIT_FAILED, `GitStratum: ${shownError(error)}`);
  }

  #fail(error: unknown): void {
    const { remoteAddress } = this.#socket;
    this.#options.onFailure(error, remoteAddress === undefined ? {} : { remoteAddress });
  }
}
