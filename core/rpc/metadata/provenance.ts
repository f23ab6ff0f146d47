/**
 * Who did something, by what, from where and when: kept in the log with the act itself.
 *
 * @module
 */

import { z } from "zod";
import { unreachable } from "../../assert.ts";
import type { Principal } from "../../access/principal.ts";

/** Longest text of a provenance in characters, the certificate of a push excepted. */
export const PROVENANCE_TEXT_LENGTH_MAX = 256;

/** What somebody showed to prove who they are, by its id: never the secret itself. */
export interface ProvenCredential {
  /** What it is. */
  readonly kind: "ssh-key" | "token" | "deploy-key";
  /** What its store calls it. */
  readonly id: string;
}

/** Who acts, as far as is known; nothing of somebody anonymous. */
export interface Actor {
  /** Name of the user at that time; absent for anonymous callers and deploy keys. */
  readonly user?: string;
  /** Id of the user, where the store of users gives ids: it outlives names. */
  readonly userId?: string;
  /** By which key or token. */
  readonly credential?: ProvenCredential;
}

/** Who acted, when and how: kept in the log with a push or another act. */
export interface Provenance extends Actor {
  /** Address of the client. */
  readonly remoteAddress?: string;
  /** The client's `agent` capability, or its `User-Agent`. */
  readonly agent?: string;
  /** How the act was asked for; `system` for what the server does by itself. */
  readonly transport: "http" | "ssh" | "api" | "system";
  /** Wall time in milliseconds. */
  readonly atMs: number;
  /** The signed certificate of a push, as sent: its nonce was checked, its signature was not. */
  readonly certificate?: string;
}

const text = z.string().max(PROVENANCE_TEXT_LENGTH_MAX);

/** Schema of {@link Provenance}. */
export const provenanceSchema: z.ZodType<Provenance> = z.looseObject({
  user: text.optional(),
  userId: text.optional(),
  credential: z.looseObject({ kind: z.enum(["ssh-key", "token", "deploy-key"]), id: text })
    .optional(),
  remoteAddress: text.optional(),
  agent: text.optional(),
  transport: z.enum(["http", "ssh", "api", "system"]),
  atMs: z.number().int().nonnegative(),
  certificate: z.string().optional(),
}) as unknown as z.ZodType<Provenance>;

/** What of a principal is kept with what they do. */
export function actorOf(principal: Principal): Actor {
  switch (principal.kind) {
    case "anonymous":
    case "unguarded":
      return {};
    case "user": {
      const { kind, id } = principal.credential;
      return { user: principal.name, credential: { kind, id } };
    }
    case "deploy-key":
      return { credential: { kind: "deploy-key", id: principal.id } };
    default:
      return unreachable(principal);
  }
}

/** The provenance of an act; texts that clients chose are cut to their greatest length. */
export function provenanceOf(
  actor: Actor,
  act: Pick<Provenance, "transport" | "atMs"> & {
    readonly remoteAddress?: string | undefined;
    readonly agent?: string | undefined;
  },
): Provenance {
  const cut = (value: string) => value.slice(0, PROVENANCE_TEXT_LENGTH_MAX);
  return {
    ...actor,
    ...(act.remoteAddress === undefined ? {} : { remoteAddress: cut(act.remoteAddress) }),
    ...(act.agent === undefined ? {} : { agent: cut(act.agent) }),
    transport: act.transport,
    atMs: Math.floor(act.atMs),
  };
}
