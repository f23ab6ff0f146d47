/**
 * The rules of a transaction that every backend shares: what is well formed, when a compare holds.
 *
 * They are etcd's, so that a transaction which one process accepts is accepted by a cluster.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import {
  CONSENSUS_KEY_BYTES_MAX,
  CONSENSUS_OPERATION_COUNT_MAX,
  CONSENSUS_TRANSACTION_BYTES_MAX,
} from "../limits.ts";
import type { Change, Compare, KeyValue, Transaction } from "./consensus.ts";

/** Keys are printable ASCII: byte order, UTF-16 order and SQLite's order are the same. */
const KEY = /^[\x21-\x7e]+$/;

/**
 * Checks a transaction's form and size.
 *
 * @throws `invalid` when it is too large, a key is malformed, or one branch puts a key and changes it
 * a second time
 */
export function checkTransaction(transaction: Transaction): void {
  const otherwise = transaction.otherwise ?? [];
  for (const count of [transaction.compares.length, transaction.then.length, otherwise.length]) {
    if (count > CONSENSUS_OPERATION_COUNT_MAX) {
      throw invalid("Expect fewer operations in a transaction", {
        wanted: CONSENSUS_OPERATION_COUNT_MAX,
        found: count,
      });
    }
  }
  for (const compare of transaction.compares) checkKey(compare.key);
  checkChanges(transaction.then);
  checkChanges(otherwise);
  const bytes = transactionBytes(transaction);
  if (bytes > CONSENSUS_TRANSACTION_BYTES_MAX) {
    throw invalid("Expect a smaller transaction", {
      wantedBytes: CONSENSUS_TRANSACTION_BYTES_MAX,
      foundBytes: bytes,
    });
  }
}

/** Checks a key that is about to be read or written. @throws `invalid` */
export function checkKey(key: string): void {
  if (key.length <= CONSENSUS_KEY_BYTES_MAX && KEY.test(key)) return;
  throw invalid("Expect a key of printable ASCII characters", {
    wantedBytes: CONSENSUS_KEY_BYTES_MAX,
    found: key.slice(0, 80),
  });
}

/** Whether a compare holds for a key's current state. */
export function holds(compare: Compare, found: KeyValue | undefined): boolean {
  if (compare.target === "value") {
    // As in etcd: no statement about the value of an absent key holds, not even "differs".
    if (found === undefined) return false;
    return equalBytes(found.value, compare.value) === (compare.operator === "=");
  }
  const number = found?.[compare.target] ?? 0;
  switch (compare.operator) {
    case "=":
      return number === compare.value;
    case "!=":
      return number !== compare.value;
    case "<":
      return number < compare.value;
    case ">":
      return number > compare.value;
  }
}

function checkChanges(changes: readonly Change[]): void {
  const put = new Set<string>();
  for (const change of changes) {
    if (change.kind === "deleteRange") continue;
    checkKey(change.key);
    if (change.kind !== "put") continue;
    if (put.has(change.key)) throw changedTwice(change.key);
    put.add(change.key);
  }
  for (const change of changes) {
    if (change.kind === "delete" && put.has(change.key)) throw changedTwice(change.key);
    if (change.kind !== "deleteRange") continue;
    for (const key of put) if (change.from <= key && key < change.to) throw changedTwice(key);
  }
}

/** Keys and values of a transaction in bytes; both branches travel, so both count. */
function transactionBytes(transaction: Transaction): number {
  let bytes = 0;
  for (const compare of transaction.compares) {
    bytes += compare.key.length + (compare.target === "value" ? compare.value.length : 8);
  }
  for (const change of [...transaction.then, ...transaction.otherwise ?? []]) {
    if (change.kind === "deleteRange") bytes += change.from.length + change.to.length;
    else bytes += change.key.length + (change.kind === "put" ? change.value.length : 0);
  }
  return bytes;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function changedTwice(key: string): GitStratumError {
  return invalid("Change each key at most once in a transaction", { key });
}

function invalid(message: string, data: Record<string, string | number>): GitStratumError {
  return new GitStratumError("invalid", message, { data });
}
