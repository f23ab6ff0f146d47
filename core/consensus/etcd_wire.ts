/**
 * Calls to etcd and the answers to them, as etcd 3.4 and later define them for gRPC.
 *
 * Only the fields that are used here are described. Whatever does not fit is a wrong answer, never half
 * understood.
 *
 * Source: `rpc.proto` and `kv.proto` of etcd.
 *
 * @module
 */

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
import { type Given, many, type Message, MessageType, one, type Shape } from "./protobuf.ts";

/** One of etcd's calls. */
export interface EtcdMethod<Q extends Shape, A extends Shape> {
  /** Path below a member's base URL. */
  readonly path: string;
  readonly request: MessageType<Q>;
  readonly answer: MessageType<A>;
}

const HEADER = new MessageType({ cluster_id: one(1, "id"), revision: one(3, "number") });

/** What every answer says about who gave it. */
export type EtcdHeader = Message<typeof HEADER.shape>;

const KEY_VALUE = new MessageType({
  key: one(1, "text"),
  create_revision: one(2, "number"),
  mod_revision: one(3, "number"),
  version: one(4, "number"),
  value: one(5, "bytes"),
  lease: one(6, "id"),
});

const COMPARE = new MessageType({
  result: one(1, "number"),
  target: one(2, "number"),
  key: one(3, "text"),
  version: one(4, "number"),
  create_revision: one(5, "number"),
  mod_revision: one(6, "number"),
  value: one(7, "bytes"),
});

const OPERATION = new MessageType({
  request_put: one(
    2,
    new MessageType({ key: one(1, "text"), value: one(2, "bytes"), lease: one(3, "id") }),
  ),
  request_delete_range: one(
    3,
    new MessageType({ key: one(1, "text"), range_end: one(2, "text") }),
  ),
});

const EVENT = new MessageType({ type: one(1, "number"), kv: one(2, KEY_VALUE) });

const HEADED = { header: one(1, HEADER) } as const;
/** An answer of which only the header counts. */
const ANSWER = new MessageType(HEADED);

/** Reads a range. */
export const RANGE = {
  path: "/etcdserverpb.KV/Range",
  request: new MessageType({
    key: one(1, "text"),
    range_end: one(2, "text"),
    limit: one(3, "number"),
    revision: one(4, "number"),
  }),
  answer: new MessageType({ ...HEADED, kvs: many(2, KEY_VALUE), more: one(3, "flag") }),
};

/** Decides and applies. */
export const TRANSACT = {
  path: "/etcdserverpb.KV/Txn",
  request: new MessageType({
    compare: many(1, COMPARE),
    success: many(2, OPERATION),
    failure: many(3, OPERATION),
  }),
  answer: new MessageType({ ...HEADED, succeeded: one(2, "flag") }),
};

/** Forgets history. */
export const COMPACT = {
  path: "/etcdserverpb.KV/Compact",
  request: new MessageType({ revision: one(1, "number") }),
  answer: ANSWER,
};

/** Makes a lease; whole seconds. */
export const GRANT_LEASE = {
  path: "/etcdserverpb.Lease/LeaseGrant",
  request: new MessageType({ TTL: one(1, "number") }),
  answer: new MessageType({ ...HEADED, ID: one(2, "id") }),
};

/** Ends a lease. */
export const REVOKE_LEASE = {
  path: "/etcdserverpb.Lease/LeaseRevoke",
  request: new MessageType({ ID: one(1, "id") }),
  answer: ANSWER,
};

/** Prolongs a lease: a stream of one message each way. A lease that has ended has no time left. */
export const KEEP_LEASE = {
  path: "/etcdserverpb.Lease/LeaseKeepAlive",
  request: new MessageType({ ID: one(1, "id") }),
  answer: new MessageType({ ...HEADED, TTL: one(3, "number") }),
};

/** Tells of alarms; etcd leaves the header out where there are none. */
export const ALARM = {
  path: "/etcdserverpb.Maintenance/Alarm",
  /** Action 0 is to tell. */
  request: new MessageType({ action: one(1, "number") }),
  answer: new MessageType({ alarms: many(2, new MessageType({ alarm: one(2, "number") })) }),
};

/** The alarm of an etcd that is full. */
export const NO_SPACE = 1;

/** Where watches are opened. */
export const WATCH_PATH = "/etcdserverpb.Watch/Watch";

/** Streams changes. */
export const WATCH = {
  path: WATCH_PATH,
  request: new MessageType({
    create_request: one(
      1,
      new MessageType({
        key: one(1, "text"),
        range_end: one(2, "text"),
        start_revision: one(3, "number"),
        progress_notify: one(4, "flag"),
        fragment: one(8, "flag"),
      }),
    ),
  }),
  answer: new MessageType({
    ...HEADED,
    created: one(3, "flag"),
    canceled: one(4, "flag"),
    compact_revision: one(5, "number"),
    cancel_reason: one(6, "text"),
    fragment: one(7, "flag"),
    events: many(11, EVENT),
  }),
};

/** One message of a watch. */
export type WatchMessage = Message<typeof WATCH.answer.shape>;

/** What an answer to a read of a range says. */
export type RangeAnswer = Message<typeof RANGE.answer.shape>;

/** A read of keys `from <= key < to`, of one key without `to`. */
export function rangeRequest(
  range: { readonly from: string; readonly to?: string },
  options: { readonly limit?: number; readonly revision?: Revision } = {},
): Given<typeof RANGE.request.shape> {
  return {
    key: keyOf(range.from),
    ...(range.to === undefined ? {} : { range_end: keyOf(range.to) }),
    ...options,
  };
}

/** A transaction. */
export function transactionRequest(
  transaction: Transaction,
): Given<typeof TRANSACT.request.shape> {
  return {
    compare: transaction.compares.map(toCompare),
    success: transaction.then.map(toOperation),
    failure: (transaction.otherwise ?? []).map(toOperation),
  };
}

/** A watch of a range from a revision on. */
export function watchRequest(
  range: KeyRange,
  startRevision: Revision,
): Given<typeof WATCH.request.shape> {
  return {
    create_request: {
      key: keyOf(range.from),
      range_end: keyOf(range.to),
      start_revision: startRevision,
      // An idle watch is told now and then how far history has got.
      progress_notify: true,
      // Without it a watcher far behind gets a thousand revisions in one message.
      fragment: true,
    },
  };
}

/** A stored key as etcd describes it. */
export function toKeyValue(found: Message<typeof KEY_VALUE.shape>): KeyValue {
  return {
    key: found.key,
    value: found.value,
    createRevision: found.create_revision,
    modRevision: found.mod_revision,
    version: found.version,
    ...(found.lease === "0" ? {} : { lease: found.lease }),
  };
}

/** A change as etcd tells it to watchers. @throws `unavailable` for one of no known kind */
export function toWatchEvent({ type, kv }: Message<typeof EVENT.shape>): WatchEvent {
  if (kv === undefined || type > 1) {
    throw new GitStratumError("unavailable", "Receive changes on a watch", { data: { type } });
  }
  const { key, value, mod_revision: revision } = kv;
  return type === 0 ? { kind: "put", key, value, revision } : { kind: "delete", key, revision };
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

function toCompare(compare: Compare): Given<typeof COMPARE.shape> {
  const common = { key: keyOf(compare.key), result: RESULTS[compare.operator] };
  // What is compared with is there even when it is 0: etcd takes what is missing for equal.
  switch (compare.target) {
    case "version":
      return { ...common, target: 0, version: compare.value };
    case "createRevision":
      return { ...common, target: 1, create_revision: compare.value };
    case "modRevision":
      return { ...common, target: 2, mod_revision: compare.value };
    case "value":
      return { ...common, target: 3, value: compare.value };
  }
}

/** What etcd names leases by: positive numbers of 63 bits. */
export const LEASE_ID = /^[1-9][0-9]{0,18}$/;

/** A key can not live with a lease that nobody has. */
export function unknownLease(options: ConstructorParameters<typeof GitStratumError>[2]) {
  return new GitStratumError("invalid", "Attach keys to living leases only", options);
}

const RESULTS = { "=": 0, ">": 1, "<": 2, "!=": 3 } as const;

function toOperation(change: Change): Given<typeof OPERATION.shape> {
  switch (change.kind) {
    case "put": {
      const { key, value, lease } = change;
      if (lease !== undefined && !LEASE_ID.test(lease)) throw unknownLease({ data: { lease } });
      return {
        request_put: { key: keyOf(key), value, ...(lease === undefined ? {} : { lease }) },
      };
    }
    case "delete":
      return { request_delete_range: { key: keyOf(change.key) } };
    case "deleteRange":
      return { request_delete_range: { key: keyOf(change.from), range_end: keyOf(change.to) } };
  }
}

/** Etcd takes no empty key; every key of ours lies above the first printable character. */
function keyOf(text: string): string {
  return text === "" ? "!" : text;
}
