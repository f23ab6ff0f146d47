/**
 * A server with accounts and everybody who may ask it something: users of every role, with tokens of
 * every kind and keys, deploy keys, and repositories of every visibility.
 *
 * The owner `acme` is a user. Repositories are `acme/public`, `acme/internal`, `acme/private`; those who
 * have a role in a repository alone have it in all three.
 *
 * @module
 */

import assert from "node:assert/strict";
import { makeSshKey } from "../harness/ssh_client.ts";
import type { TemporaryDirectory } from "../harness/temp.ts";

/** Where the server is. */
export interface AccessTarget {
  readonly origin: string;
  readonly sshOrigin: string;
  /** Of the first administrator. */
  readonly firstToken: string;
}

/** Visibilities, which are also the names of the repositories. */
export const VISIBILITIES = ["public", "internal", "private"] as const;
/** One of them. */
export type Visibility = typeof VISIBILITIES[number];

/** Users with a role in the repositories, in all of acme's, or with none. */
const REPOSITORY_ROLES = { reader: "read", writer: "write", keeper: "admin" } as const;
const OWNER_ROLES = {
  "owner-reader": "read",
  "owner-writer": "write",
  "owner-admin": "admin",
} as const;

const ALL_SCOPES = [
  "repository:read",
  "repository:write",
  "repository:admin",
  "account",
  "server",
];

/** Tokens that are good for less than their users; named as in the matrix. */
const LESSER_TOKENS: Readonly<Record<string, { user: string; body: Record<string, unknown> }>> = {
  "writer:read": { user: "writer", body: { scopes: ["repository:read"] } },
  "writer:write": { user: "writer", body: { scopes: ["repository:write"] } },
  "writer:account": { user: "writer", body: { scopes: ["account"] } },
  "keeper:write": { user: "keeper", body: { scopes: ["repository:write"] } },
  "acme:read": { user: "acme", body: { scopes: ["repository:read"] } },
  "writer:write@other": {
    user: "writer",
    body: { scopes: ["repository:write"], repositories: ["acme/other"] },
  },
  "writer:write@these": {
    user: "writer",
    body: {
      scopes: ["repository:write"],
      repositories: VISIBILITIES.map((name) => `acme/${name}`),
    },
  },
  "root:read": { user: "root", body: { scopes: ["repository:read"] } },
};

/** An answer of the API. */
export interface ApiResult {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- tests look into bodies of many shapes
  readonly body: any;
}

/** A server with everybody. */
export class AccessStage {
  readonly target: AccessTarget;
  /** Tokens by who shows them; the anonymous show none. */
  readonly tokens = new Map<string, string>();
  /** Ids of those tokens. */
  readonly tokenIds = new Map<string, string>();
  /** Paths of private keys by who has them. */
  readonly keys = new Map<string, string>();
  readonly #temp: TemporaryDirectory;

  private constructor(target: AccessTarget, temp: TemporaryDirectory) {
    this.target = target;
    this.#temp = temp;
    this.tokens.set("first", target.firstToken);
  }

  /** Sets everything up. Keys cost time: `withKeys` makes them. */
  static async open(
    target: AccessTarget,
    options: { readonly temp: TemporaryDirectory; readonly withKeys?: boolean },
  ): Promise<AccessStage> {
    const stage = new AccessStage(target, options.temp);
    const users = [
      ...Object.keys(REPOSITORY_ROLES),
      ...Object.keys(OWNER_ROLES),
      "stranger",
      "acme",
    ];
    for (const user of users) await stage.#addUser(user, false);
    await stage.#addUser("root", true);
    for (const name of [...VISIBILITIES, "other"]) await stage.addRepository(name);
    for (const [user, role] of Object.entries(OWNER_ROLES)) {
      await stage.change("PUT", `/owners/acme/members/${user}`, { role });
    }
    for (const [name, { user, body }] of Object.entries(LESSER_TOKENS)) {
      await stage.addToken(name, user, body);
    }
    if (options.withKeys === true) await stage.#addKeys();
    return stage;
  }

  /** The same people at another address. */
  at(address: Pick<AccessTarget, "origin" | "sshOrigin">): AccessStage {
    const stage = new AccessStage({ ...this.target, ...address }, this.#temp);
    for (const name of ["tokens", "tokenIds", "keys"] as const) {
      for (const [who, value] of this[name]) stage[name].set(who, value);
    }
    return stage;
  }

  /** Asks the API. */
  async api(
    who: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<ApiResult> {
    const response = await this.fetch(who, `/api/v1${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** Changes something as the first administrator. */
  async change(method: string, path: string, body?: unknown): Promise<ApiResult["body"]> {
    const result = await this.api("first", method, path, body);
    assert.ok(
      result.status < 300,
      `${method} ${path}: ${result.status} ${JSON.stringify(result.body)}`,
    );
    return result.body;
  }

  /** Sends a request with somebody's token, as git does. */
  fetch(who: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const authorization = this.authorization(who);
    if (authorization !== undefined) headers.set("authorization", authorization);
    return fetch(`${this.target.origin}${path}`, { ...init, headers });
  }

  /** What somebody puts into the header; undefined for the anonymous. */
  authorization(who: string): string | undefined {
    if (who === "anonymous") return undefined;
    const token = this.tokens.get(who);
    assert.ok(token !== undefined, `${who} has a token`);
    return `Basic ${btoa(`x-access-token:${token}`)}`;
  }

  /** Makes a repository of acme's, public, internal or private as its name begins. */
  async addRepository(name: string): Promise<void> {
    const visibility = VISIBILITIES.find((each) => name.startsWith(each)) ?? "private";
    const settings = { visibility, offerBundle: true };
    await this.change("POST", "/repos", { name: `acme/${name}`, settings });
    if (name === "other") return;
    for (const [user, role] of Object.entries(REPOSITORY_ROLES)) {
      await this.change("PUT", `/repos/acme/${name}/members/${user}`, { role });
    }
  }

  /** Makes a token, and remembers it. */
  async addToken(who: string, user: string, body: Record<string, unknown>): Promise<void> {
    const made = await this.change("POST", `/users/${user}/tokens`, body);
    this.tokens.set(who, made.token);
    this.tokenIds.set(who, made.id);
  }

  /** Makes a key pair, and remembers it; the line to be recorded. */
  async makeKey(who: string): Promise<string> {
    const path = await makeSshKey(this.#temp, { name: `key-${who.replaceAll(/[^a-z]/g, "-")}` });
    this.keys.set(who, path);
    return (await Deno.readTextFile(`${path}.pub`)).trim();
  }

  async #addUser(name: string, administrator: boolean): Promise<void> {
    await this.change("POST", "/users", { name, administrator });
    await this.addToken(name, name, { scopes: ALL_SCOPES });
  }

  async #addKeys(): Promise<void> {
    for (const user of ["stranger", "reader", "writer", "owner-writer", "acme", "root"]) {
      await this.change("POST", `/users/${user}/keys`, { key: await this.makeKey(user) });
    }
    for (const role of ["read", "write"]) {
      for (const name of VISIBILITIES) {
        const key = await this.makeKey(`deploy-${role}@${name}`);
        await this.change("POST", `/repos/acme/${name}/keys`, { key, role });
      }
    }
  }
}
