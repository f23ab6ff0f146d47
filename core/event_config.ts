/**
 * The settings of what a server tells others, and of how long it remembers who did what.
 *
 * @module
 */

import {
  type ConfigOption,
  countOption,
  optionalTextOption,
  switchOption,
  urlOption,
} from "./config.ts";
import { type AddressRange, addressRangesOption } from "./egress/network_address.ts";
import { AUDIT_KEEP_MS } from "./retention_limits.ts";

/** The settings of whoever keeps the trail and tells webhooks. */
export type EventConfigTable = {
  readonly egressAllow: ConfigOption<readonly AddressRange[] | undefined>;
  readonly auditDays: ConfigOption<number>;
};

/** The settings of whoever asks before a push. */
export type PushPolicyConfigTable = {
  readonly pushPolicyUrl: ConfigOption<string | undefined>;
  readonly pushPolicyTimeoutS: ConfigOption<number>;
  readonly pushPolicyFailOpen: ConfigOption<boolean | undefined>;
  readonly pushPolicySecretFile: ConfigOption<string | undefined>;
};

const DAY_MS = 24 * 3600 * 1000;

/** Milliseconds of some days. */
export function daysMs(days: number): number {
  return days * DAY_MS;
}

/** Every setting with its flag, environment variable, default and help text. */
export const EVENT_CONFIG_TABLE: EventConfigTable = {
  egressAllow: addressRangesOption({
    flag: "egress-allow",
    environment: "GITSTRATUM_EGRESS_ALLOW",
    help: "Addresses such as 10.1.0.0/16 that webhooks may reach beside public ones.",
  }),
  auditDays: countOption({
    flag: "audit-days",
    environment: "GITSTRATUM_AUDIT_DAYS",
    placeholder: "DAYS",
    defaultText: String(AUDIT_KEEP_MS / DAY_MS),
    min: 1,
    help: "How long it is remembered who did what.",
  }),
};

/** Every setting with its flag, environment variable, default and help text. */
export const PUSH_POLICY_CONFIG_TABLE: PushPolicyConfigTable = {
  pushPolicyUrl: urlOption({
    flag: "push-policy",
    environment: "GITSTRATUM_PUSH_POLICY",
    help: "Where to ask, before each push is committed, whether it may be.",
  }),
  pushPolicyTimeoutS: countOption({
    flag: "push-policy-timeout",
    environment: "GITSTRATUM_PUSH_POLICY_TIMEOUT",
    placeholder: "SECONDS",
    defaultText: "5",
    min: 1,
    help: "How long an answer may take.",
  }),
  pushPolicyFailOpen: switchOption({
    flag: "push-policy-fail-open",
    environment: "GITSTRATUM_PUSH_POLICY_FAIL_OPEN",
    help: "Lets pushes through while nobody answers there (default: refuses them).",
  }),
  pushPolicySecretFile: optionalTextOption({
    flag: "push-policy-secret-file",
    environment: "GITSTRATUM_PUSH_POLICY_SECRET_FILE",
    placeholder: "FILE",
    help: "A file with the secret that signs the questions.",
  }),
};
