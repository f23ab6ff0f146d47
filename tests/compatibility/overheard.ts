/**
 * Listens to nodes and holds what they say against the readers of the release before: those were strict
 * where readers of today pass over what they do not know, so that a member too much would go unnoticed.
 *
 * @module
 */

import type { Fetcher } from "@gitstratum/core/rpc";
import { z } from "zod";
import type { ReleaseShapes } from "./release_shapes.ts";

/** A call: its method and path, and the names of the shapes that go there and back. */
interface Call {
  readonly path: RegExp;
  readonly asked?: string;
  readonly answered?: string;
}

const ID = "[0-9a-f]{32}";
const REPOSITORY = `/metadata/v1/networks/${ID}/repositories/${ID}`;

function call(path: string, asked?: string, answered?: string): Call {
  return {
    path: new RegExp(`^${path}$`),
    ...(asked === undefined ? {} : { asked }),
    ...(answered === undefined ? {} : { answered }),
  };
}

/** Status of `unsupported`. */
const UNSUPPORTED = 501;

/** The first one that fits counts. */
const CALLS: readonly Call[] = [
  call("POST /metadata/v1/repositories", "create repository", "repository"),
  call("GET /metadata/v1/repositories", undefined, "repositories"),
  call("GET /metadata/v1/names/.*", undefined, "repository"),
  call("GET /metadata/v1/deleted-repositories", undefined, "deleted repositories"),
  call(`PATCH ${REPOSITORY}`, "update repository", "repository"),
  call(`DELETE ${REPOSITORY}`, "delete repository", "empty"),
  call(`GET ${REPOSITORY}/usage`, undefined, "repository usage"),
  call(`POST ${REPOSITORY}/purge`, undefined, "empty"),
  call(`POST ${REPOSITORY}/fork`, "fork repository", "repository"),
  call(`POST ${REPOSITORY}/rename`, "rename repository", "repository"),
  call(`POST ${REPOSITORY}/restore`, "restore repository", "repository"),
  call(`POST ${REPOSITORY}/negotiate`, "negotiate", "negotiated"),
  call(`GET ${REPOSITORY}/tag-digest`, undefined, "tag digest"),
  call(`POST ${REPOSITORY}/deepen`, "deepen", "shallow boundary"),
  call(`POST ${REPOSITORY}/locate`, "locate", "located"),
  call(`POST ${REPOSITORY}/push`, "push", "pushed"),
  call(`POST ${REPOSITORY}/references`, "reference query"),
  call(`POST ${REPOSITORY}/plan`, "plan"),
  call("POST /metadata/v1/audit", "audit query", "audit events"),
  call("POST /control/v1/nodes", "register", "registered"),
  call("POST /control/v1/nodes/[^/]+/heartbeat", "heartbeat", "heard"),
  call("PUT /control/v1/nodes/[^/]+/draining", "draining", "empty"),
  call("POST /control/v1/nodes/[^/]+/leave", "leave", "empty"),
  call("DELETE /control/v1/nodes/[^/]+", undefined, "empty"),
  call("GET /control/v1/topology", undefined, "topology"),
  call("POST /control/v1/rates/settlements", "rates settle", "rates settled"),
  call("POST /control/v1/audit", "audit query", "audit events"),
  call("POST /control/v1/webhooks/create", "create webhook", "webhook"),
  call("POST /control/v1/webhooks/change", "change webhook", "webhook"),
  call("POST /control/v1/webhooks/find", "webhook request", "webhook"),
  call("POST /control/v1/webhooks/remove", "webhook request", "empty"),
  call("POST /control/v1/webhooks/list", "webhook query"),
];

/** What is asked and answered where the name of the call is in its path. */
const FAMILIES: readonly (readonly [prefix: string, family: string])[] = [
  ["POST /metadata/v1/internal/directory/", "directory"],
  ["POST /control/v1/access/", "access"],
];

function callOf(place: string): Call | undefined {
  for (const [prefix, family] of FAMILIES) {
    if (!place.startsWith(prefix)) continue;
    const name = `${family} ${place.slice(prefix.length)}`;
    return call("", name, `${name} answer`);
  }
  return CALLS.find(({ path }) => path.test(place));
}

/** Hears calls and remembers what the release before would not have understood. */
export class Overheard {
  /** What it would have refused. */
  readonly refused: string[] = [];
  /** Names of shapes that were heard. */
  readonly heard = new Set<string>();
  readonly #earlier: ReleaseShapes;
  readonly #readers = new Map<string, z.ZodType>();

  /** Holds what is said against a release. */
  constructor(earlier: ReleaseShapes) {
    this.#earlier = earlier;
  }

  /** Listens to calls. */
  readonly to = (fetcher: Fetcher): Fetcher => async (request) => {
    const place = `${request.method} ${new URL(request.url).pathname}`;
    const found = callOf(place);
    const question = request.clone();
    const response = await fetcher(request);
    // What is tried, and answered as a node does that does not know it, is replaced.
    const isTried = found === undefined && response.status === UNSUPPORTED;
    if (isTried) return response;
    if (found === undefined) this.refused.push(`${place}: not known`);
    if (found?.asked !== undefined) await this.#hear(found.asked, question);
    if (!response.ok) await this.#hear("error", response.clone());
    else if (found?.answered !== undefined) await this.#hear(found.answered, response.clone());
    return response;
  };

  async #hear(name: string, message: Request | Response): Promise<void> {
    this.heard.add(name);
    const said: unknown = await message.json();
    const parsed = this.#reader(name).safeParse(said);
    if (parsed.success) return;
    const why = parsed.error.issues.map(({ message, path }) => `${path.join(".")}: ${message}`);
    this.refused.push(`${name}: ${why.join("; ")} in ${JSON.stringify(said).slice(0, 500)}`);
  }

  #reader(name: string): z.ZodType {
    const known = this.#readers.get(name);
    if (known !== undefined) return known;
    const shape = this.#earlier[name];
    if (shape === undefined) throw new Error(`The release before has no shape ${name}`);
    const reads = JSON.parse(JSON.stringify(shape.reads, compilable));
    const reader = z.fromJSONSchema(reads);
    this.#readers.set(name, reader);
    return reader;
  }
}

/** Leaves out patterns of Unicode classes, which are compiled without their flag. */
function compilable(key: string, value: unknown): unknown {
  return key === "pattern" && typeof value === "string" && /\\p\{/i.test(value) ? undefined : value;
}
