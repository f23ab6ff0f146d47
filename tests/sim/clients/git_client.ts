/**
 * A git client of the simulation: what it asks, and what it makes of the answers. It believes an answer
 * only when it came to its end.
 *
 * @module
 */

import type { Fetcher } from "@gitstratum/core/rpc";
import { joinBytes, NO_OBJECT, pack } from "../../harness/raw_pack.ts";
import { joined, line, PacketCursor, textOf } from "../../oracle/packets.ts";
import { type BookObject, packEntry } from "./object_book.ts";
import {
  type ListingWay,
  readAdvertisement,
  readListing,
  type ShownReferences,
} from "./reference_answers.ts";

/** One reference update; undefined stands for "absent". */
export interface Update {
  readonly name: string;
  readonly old: string | undefined;
  readonly new: string | undefined;
}

/** What a client heard. */
export type Heard<T> =
  /** An answer that came to its end. */
  | { readonly kind: "answer"; readonly value: T }
  /** A refusal that says that nothing happened. */
  | { readonly kind: "refused"; readonly status: number; readonly why: string }
  /** Nothing, or something broken: what happened is unknown. */
  | { readonly kind: "unknown"; readonly why: string };

/** What a push reported: the reason for each update that was not made. */
export type PushReport = ReadonlyMap<string, string | undefined>;

/** Statuses that say that nothing was done. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 404, 409, 413, 415]);

/** Talks to one frontend at a time. */
export class GitClient {
  readonly #fetcher: Fetcher;
  readonly #timeoutSignal: () => AbortSignal;
  readonly #token: () => string | undefined;

  /** Makes a client; the signals say when it has waited long enough. */
  constructor(
    fetcher: Fetcher,
    options: {
      readonly timeoutSignal: () => AbortSignal;
      /** By which it does everything that does not name another. */
      readonly token: () => string | undefined;
    },
  ) {
    this.#fetcher = fetcher;
    this.#timeoutSignal = options.timeoutSignal;
    this.#token = options.token;
  }

  /** All references of a repository. */
  async listReferences(
    frontend: string,
    name: string,
    options: { readonly way?: ListingWay; readonly token?: string | undefined } = {},
  ): Promise<Heard<ShownReferences>> {
    const { way = "ls-refs", token = this.#token() } = options;
    if (way !== "ls-refs") {
      const url = `http://${frontend}/${name}/info/refs?service=${way}`;
      const request = new Request(url, { headers: authorized(token), ...this.#late() });
      return await this.#exchange(request, readAdvertisement);
    }
    const body = `${line("command=ls-refs")}0001${line("ref-prefix refs/")}0000`;
    return await this.#ask(`${frontend}/${name}/git-upload-pack`, { body, token }, readListing);
  }

  /** The pack of some objects with all they reach. */
  async fetchPack(
    frontend: string,
    name: string,
    wants: readonly string[],
  ): Promise<Heard<Uint8Array>> {
    const lines = wants.map((oid) => line(`want ${oid}`)).join("");
    const body = `${line("command=fetch")}0001${line("no-progress")}${lines}${line("done")}0000`;
    return await this.#ask(`${frontend}/${name}/git-upload-pack`, { body }, packOf);
  }

  /** Pushes updates, with the objects that they need. */
  async push(
    frontend: string,
    name: string,
    options: {
      readonly updates: readonly Update[];
      readonly objects: readonly BookObject[];
      readonly atomic: boolean;
    },
  ): Promise<Heard<PushReport>> {
    const { updates, objects, atomic } = options;
    const capabilities = ` report-status${atomic ? " atomic" : ""} agent=sim`;
    const commands = updates.map(({ name, old = NO_OBJECT, new: now = NO_OBJECT }, index) =>
      line(`${old} ${now} ${name}${index === 0 ? `\0${capabilities}` : ""}`)
    );
    const hasPack = updates.some((update) => update.new !== undefined);
    const body = joinBytes(
      ...commands,
      "0000",
      hasPack ? pack(objects.map(packEntry)) : new Uint8Array(),
    );
    return await this.#ask(`${frontend}/${name}/git-receive-pack`, { body }, (bytes) => {
      const report = new Map<string, string | undefined>();
      const cursor = new PacketCursor(bytes);
      for (let packet = cursor.next(); packet?.kind === "data"; packet = cursor.next()) {
        const text = textOf(packet.payload);
        const [, verdict, reference = "", reason] = /^(ok|ng) (\S+) ?(.*)$/.exec(text) ?? [];
        if (verdict !== undefined) report.set(reference, verdict === "ok" ? undefined : reason);
      }
      if (report.size !== updates.length) throw new Error("The report does not end");
      return report;
    });
  }

  /** Creates a repository. */
  async createRepository(frontend: string, name: string): Promise<Heard<string>> {
    return await this.#manage("POST", `${frontend}/api/v1/repos`, { name });
  }

  /** Deletes a repository. */
  async deleteRepository(frontend: string, name: string): Promise<Heard<string>> {
    return await this.#manage("DELETE", `${frontend}/api/v1/repos/${name}`);
  }

  /** Looks a repository up: its id. */
  async findRepository(frontend: string, name: string): Promise<Heard<string>> {
    return await this.#manage("GET", `${frontend}/api/v1/repos/${name}`);
  }

  /** Forks a repository. */
  async forkRepository(frontend: string, parent: string, name: string): Promise<Heard<string>> {
    return await this.#manage("POST", `${frontend}/api/v1/repos/${parent}/forks`, { name });
  }

  /** Gives a repository another name. */
  async renameRepository(frontend: string, from: string, name: string): Promise<Heard<string>> {
    return await this.#manage("POST", `${frontend}/api/v1/repos/${from}/rename`, { name });
  }

  /** Brings a deleted repository back. */
  async restoreRepository(frontend: string, name: string): Promise<Heard<string>> {
    return await this.#manage("POST", `${frontend}/api/v1/deleted-repos/${name}/restore`, {});
  }

  /** Removes a deleted repository for good. */
  async purgeRepository(frontend: string, name: string): Promise<Heard<string>> {
    return await this.#manage("DELETE", `${frontend}/api/v1/deleted-repos/${name}`);
  }

  /** Makes a token. */
  async createToken(
    frontend: string,
  ): Promise<Heard<{ readonly id: string; readonly secret: string }>> {
    const path = `${frontend}/api/v1/users/admin/tokens`;
    return await this.#call(
      { method: "POST", path, body: { scopes: ["repository:read"] } },
      (json) => {
        const { id, token: secret } = json as { readonly id: string; readonly token: string };
        return { id, secret };
      },
    );
  }

  /** Takes a token away. */
  async deleteToken(frontend: string, id: string): Promise<Heard<string>> {
    return await this.#manage("DELETE", `${frontend}/api/v1/users/admin/tokens/${id}`);
  }

  /** A call of the management API; answers the id of the repository, if there is one in the answer. */
  #manage(method: string, path: string, body?: unknown): Promise<Heard<string>> {
    return this.#call(
      { method, path, body },
      (json) => (json as { readonly id?: string }).id ?? "",
    );
  }

  /** A call of the management API; reads the answer, `{}` when it is empty. */
  #call<T>(
    { method, path, body }: {
      readonly method: string;
      readonly path: string;
      readonly body?: unknown;
    },
    read: (json: unknown) => T,
  ): Promise<Heard<T>> {
    const headers = authorized(this.#token());
    const sent = body === undefined ? { headers } : {
      body: JSON.stringify(body),
      headers: { ...headers, "content-type": "application/json" },
    };
    return this.#exchange(new Request(`http://${path}`, { method, ...sent, ...this.#late() }), (
      bytes,
    ) => read(bytes.length === 0 ? {} : JSON.parse(new TextDecoder().decode(bytes))));
  }

  #ask<T>(
    path: string,
    sent: { readonly body: string | Uint8Array<ArrayBuffer>; readonly token?: string | undefined },
    read: (bytes: Uint8Array) => T,
  ): Promise<Heard<T>> {
    const service = path.slice(path.lastIndexOf("/") + 1);
    const { body, token = this.#token() } = sent;
    const headers = {
      ...authorized(token),
      "content-type": `application/x-${service}-request`,
      ...(service === "git-upload-pack" ? { "git-protocol": "version=2" } : {}),
    };
    const init = { method: "POST", headers, body, ...this.#late() };
    return this.#exchange(new Request(`http://${path}`, init), read);
  }

  #late(): { readonly signal: AbortSignal } {
    return { signal: this.#timeoutSignal() };
  }

  async #exchange<T>(request: Request, read: (bytes: Uint8Array) => T): Promise<Heard<T>> {
    let bytes: Uint8Array;
    let status: number;
    let location: string | null;
    try {
      const response = await this.#fetcher(request);
      status = response.status;
      location = response.headers.get("location");
      const chunks: Uint8Array[] = [];
      for await (const chunk of response.body ?? []) chunks.push(chunk);
      bytes = joined(chunks);
    } catch (error) {
      return { kind: "unknown", why: String(error) };
    }
    // As git does: a repository that has another name by now is asked under that.
    if (status === 301 && location !== null && request.method === "GET") {
      const { headers } = request;
      const next = new Request(new URL(location, request.url), { headers, ...this.#late() });
      return await this.#exchange(next, read);
    }
    if (REFUSALS.has(status)) return { kind: "refused", status, why: textOf(bytes) };
    if (status >= 300) return { kind: "unknown", why: `${status} ${textOf(bytes)}` };
    try {
      return { kind: "answer", value: read(bytes) };
    } catch (error) {
      return { kind: "unknown", why: error instanceof Error ? error.message : String(error) };
    }
  }
}

/**
 * The pack of an answer that ended well: by a flush packet after the last side band.
 *
 * @throws what the server said on band 3 or in an error packet
 */
function packOf(bytes: Uint8Array): Uint8Array {
  const cursor = new PacketCursor(bytes);
  const chunks: Uint8Array[] = [];
  let inPack = false;
  for (let packet = cursor.next(); packet !== undefined; packet = cursor.next()) {
    if (packet.kind !== "data") continue;
    const { payload } = packet;
    if (!inPack) {
      const text = textOf(payload);
      if (text.startsWith("ERR ")) throw new Error(text);
      inPack = text === "packfile";
    } else if (payload[0] === 1) chunks.push(payload.subarray(1));
    else if (payload[0] === 3) throw new Error(`Band 3: ${textOf(payload.subarray(1))}`);
  }
  return joined(chunks);
}

function authorized(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
