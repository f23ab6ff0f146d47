/**
 * Requests to etcd's JSON gateway and the answers to them, as etcd 3.4 and later write them: bytes in
 * base64, 64-bit numbers as decimal strings, fields that have their zero value left out.
 *
 * Source: `api-reference-v3` of etcd and `rpc.proto`. Whatever does not fit the schemas is a wrong
 * answer, never half understood.
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError } from "../error.ts";
import type {
  Change,
  Compare,
  KeyRange,
  KeyValue,
  Revision,
  Transaction,
  WatchEvent,
} from "./consensus.ts";

/** A 64-bit number that this system keeps within 53 bits. */
const numberSchema = z.string().regex(/^(0|[1-9][0-9]{0,15})$/).transform(Number).default(0);
const idSchema = z.string().regex(/^[0-9]{1,20}$/);
const bytesSchema = z.base64().transform((text) => Uint8Array.fromBase64(text));
const keySchema = z.base64().transform((text) =>
  new TextDecoder().decode(Uint8Array.fromBase64(text))
);

/** What every answer says about who gave it, as it travels. */
export const headerSchema = z.object({
  cluster_id: idSchema,
  member_id: idSchema.default("0"),
  revision: numberSchema,
});

const keyValueSchema = z.object({
  key: keySchema,
  value: bytesSchema.default(() => new Uint8Array(0)),
  create_revision: numberSchema,
  mod_revision: numberSchema,
  version: numberSchema,
  lease: idSchema.optional(),
});

/** What every answer says about who gave it. */
export type EtcdHeader = z.output<typeof headerSchema>;

/** Any answer: its header. */
export const answerSchema = z.object({ header: headerSchema });

/** Answer of `/v3/kv/range`. */
export const rangeAnswerSchema = z.object({
  header: headerSchema,
  kvs: z.array(keyValueSchema).default([]),
  more: z.boolean().default(false),
  count: numberSchema,
});

/** Answer of `/v3/kv/txn`. */
export const transactionAnswerSchema = z.object({
  header: headerSchema,
  succeeded: z.boolean().default(false),
});

/** Answer of `/v3/lease/grant`. */
export const grantAnswerSchema = z.object({ header: headerSchema, ID: idSchema });

/** Answer of `/v3/lease/keepalive`: a stream of one message. A lease that has ended has no time left. */
export const keepAliveAnswerSchema = z.object({
  result: z.object({ header: headerSchema, ID: idSchema, TTL: numberSchema }),
});

/** Answer of `/v3/maintenance/alarm`, which has no header when there is none. */
export const alarmAnswerSchema = z.object({
  alarms: z.array(z.object({ alarm: z.string().default("NONE") })).default([]),
});

const eventSchema = z.object({
  type: z.enum(["PUT", "DELETE"]).default("PUT"),
  kv: keyValueSchema,
});

/** One message of `/v3/watch`. */
export const watchMessageSchema = z.object({
  result: z.object({
    header: headerSchema,
    created: z.boolean().default(false),
    canceled: z.boolean().default(false),
    compact_revision: numberSchema,
    cancel_reason: z.string().default(""),
    fragment: z.boolean().default(false),
    events: z.array(eventSchema).default([]),
  }),
});

/** One message of a watch. */
export type WatchMessage = z.output<typeof watchMessageSchema>["result"];

/** How etcd says no: as a body of its own or, in a stream, as a message. */
const refusalSchema = z.union([
  z.object({ error: z.string(), code: z.int() }),
  z.object({ error: z.object({ message: z.string(), grpc_code: z.int() }) })
    .transform(({ error }) => ({ error: error.message, code: error.grpc_code })),
]);

/** What etcd refuses; undefined when that is none of its refusals. */
export function refusalIn(json: unknown): z.output<typeof refusalSchema> | undefined {
  // A schema that does not fit takes far longer to say so than one that does.
  return hasMember(json, "error") ? refusalSchema.safeParse(json).data : undefined;
}

/** Whether something from outside is an object with a member. */
export function hasMember<Name extends string>(
  value: unknown,
  name: Name,
): value is Readonly<Record<Name, unknown>> {
  return typeof value === "object" && value !== null && name in value;
}

/** Body of a read of keys `from <= key < to`, of one key without `to`. */
export function rangeBody(
  range: { readonly from: string; readonly to?: string },
  options: { readonly limit?: number; readonly revision?: Revision } = {},
): object {
  return {
    key: encodeText(range.from),
    ...(range.to === undefined ? {} : { range_end: encodeText(range.to) }),
    ...(options.limit === undefined ? {} : { limit: `${options.limit}` }),
    ...(options.revision === undefined ? {} : { revision: `${options.revision}` }),
  };
}

/** Body of a transaction. */
export function transactionBody(transaction: Transaction): object {
  return {
    compare: transaction.compares.map(compareBody),
    success: transaction.then.map(changeBody),
    failure: (transaction.otherwise ?? []).map(changeBody),
  };
}

/** Body of a watch of a range from a revision on. */
export function watchBody(range: KeyRange, startRevision: Revision): object {
  return {
    create_request: {
      key: encodeText(range.from),
      range_end: encodeText(range.to),
      start_revision: `${startRevision}`,
      // An idle watch is told now and then how far history has got.
      progress_notify: true,
      // Without it a watcher far behind gets a thousand revisions in one message.
      fragment: true,
    },
  };
}

/** A stored key as etcd describes it. */
export function toKeyValue(found: z.output<typeof keyValueSchema>): KeyValue {
  return {
    key: found.key,
    value: found.value,
    createRevision: found.create_revision,
    modRevision: found.mod_revision,
    version: found.version,
    ...(found.lease === undefined || found.lease === "0" ? {} : { lease: found.lease }),
  };
}

/** A change as etcd tells it to watchers. */
export function toWatchEvent(event: z.output<typeof eventSchema>): WatchEvent {
  const { key, value, mod_revision: revision } = event.kv;
  return event.type === "PUT"
    ? { kind: "put", key, value, revision }
    : { kind: "delete", key, revision };
}

/**
 * What etcd refused, in this project's codes. Everything that may be different at another member or
 * later, and everything unknown, is `unavailable`.
 */
export function refusalError(refusal: { readonly error: string; readonly code: number }) {
  const known = REFUSALS.find(([text]) => refusal.error.includes(text));
  const code = known?.[1] ?? (DENIED_CODES.has(refusal.code) ? "denied" : "unavailable");
  return new GitStratumError(code, "Be refused by etcd", {
    data: { error: refusal.error.slice(0, 300), code: refusal.code },
  });
}

const REFUSALS = [
  ["required revision has been compacted", "not-found"],
  ["required revision is a future revision", "invalid"],
  ["requested lease not found", "not-found"],
  ["database space exceeded", "disk-full"],
  ["too many operations in txn request", "invalid"],
  ["request is too large", "invalid"],
  ["duplicate key given in txn request", "invalid"],
] as const;
/** PERMISSION_DENIED and UNAUTHENTICATED of gRPC. */
const DENIED_CODES: ReadonlySet<number> = new Set([7, 16]);

function compareBody(compare: Compare): object {
  const key = encodeText(compare.key);
  const result = RESULTS[compare.operator];
  switch (compare.target) {
    case "version":
      return { key, result, target: "VERSION", version: `${compare.value}` };
    case "createRevision":
      return { key, result, target: "CREATE", create_revision: `${compare.value}` };
    case "modRevision":
      return { key, result, target: "MOD", mod_revision: `${compare.value}` };
    case "value":
      return { key, result, target: "VALUE", value: compare.value.toBase64() };
  }
}

const RESULTS = { "=": "EQUAL", "!=": "NOT_EQUAL", "<": "LESS", ">": "GREATER" } as const;

function changeBody(change: Change): object {
  switch (change.kind) {
    case "put":
      return {
        request_put: {
          key: encodeText(change.key),
          value: change.value.toBase64(),
          ...(change.lease === undefined ? {} : { lease: change.lease }),
        },
      };
    case "delete":
      return { request_delete_range: { key: encodeText(change.key) } };
    case "deleteRange":
      return {
        request_delete_range: { key: encodeText(change.from), range_end: encodeText(change.to) },
      };
  }
}

/** Etcd takes no empty key; every key of ours lies above the first printable character. */
function encodeText(text: string): string {
  return new TextEncoder().encode(text === "" ? "!" : text).toBase64();
}
