/**
 * Limits on how often something may happen, kept by many processes together: rules, buckets, the
 * ledger of the one who lends, the purses of those who borrow.
 *
 * @module
 */

export * from "./concurrency_rule.ts";
export * from "./rate_ledger.ts";
export * from "./rate_purse.ts";
export * from "./rate_rule.ts";
export * from "./rate_subject.ts";
export * from "./token_bucket.ts";
