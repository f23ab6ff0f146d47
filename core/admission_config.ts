/**
 * The settings of a server that bound what clients make it do: how often, how much at a time, in how
 * much memory.
 *
 * Who listens on loopback serves its own user and limits nothing unless told. Elsewhere addresses and
 * users have limits that people and ordinary build systems do not meet.
 *
 * @module
 */

import {
  type ConfigOption,
  type ConfigValues,
  countOption,
  type OptionNames,
  sizeOption,
} from "./config.ts";
import {
  type ConcurrencyRule,
  type ConcurrencyRules,
  parseConcurrencyRule,
} from "./rates/concurrency_rule.ts";
import { parseRateRule, type RateRule, type RateRules } from "./rates/rate_rule.ts";
import { RATE_SUBJECT_KINDS, type RateSubjectKind } from "./rates/rate_subject.ts";

/** A limit, its absence, or nobody's word on it. */
type Said<Rule> = Rule | "off" | undefined;

/** The settings by name. */
export type AdmissionConfigTable = {
  readonly rateAddress: ConfigOption<Said<RateRule>>;
  readonly rateUser: ConfigOption<Said<RateRule>>;
  readonly rateToken: ConfigOption<Said<RateRule>>;
  readonly rateRepository: ConfigOption<Said<RateRule>>;
  readonly runningAddress: ConfigOption<Said<ConcurrencyRule>>;
  readonly runningUser: ConfigOption<Said<ConcurrencyRule>>;
  readonly runningToken: ConfigOption<Said<ConcurrencyRule>>;
  readonly runningRepository: ConfigOption<Said<ConcurrencyRule>>;
  readonly memoryBytes: ConfigOption<number>;
  readonly repositoryBytesMax: ConfigOption<number | undefined>;
  readonly referenceCountMax: ConfigOption<number | undefined>;
  readonly pushBytesMax: ConfigOption<number | undefined>;
  readonly objectBytesMax: ConfigOption<number | undefined>;
};

/** What a repository may grow to. Absent = as far as the system goes. */
export interface QuotaLimits {
  /** Bytes that pushes to it stored. */
  readonly repositoryBytesMax?: number;
  /** References. */
  readonly referenceCountMax?: number;
  /** Size of the largest pack of a push. */
  readonly pushBytesMax?: number;
  /** Inflated size of the largest object of a push. */
  readonly objectBytesMax?: number;
}

/** What clients may do. */
export interface AdmissionLimits {
  /** How often; of the whole cluster. */
  readonly rates: RateRules;
  /** How much at a time; of this process. */
  readonly concurrency: ConcurrencyRules;
  /** Resident memory that this process is to stay within. */
  readonly memoryBytes: number;
  /** What repositories may grow to. */
  readonly quota: QuotaLimits;
}

/** Limits that hold off loopback, unless told. */
const PUBLIC_RATES: RateRules = {
  address: { perSecond: 200, burst: 4000 },
  user: { perSecond: 200, burst: 4000 },
};
const PUBLIC_CONCURRENCY: ConcurrencyRules = {
  address: { running: 64, waiting: 1024 },
  user: { running: 128, waiting: 1024 },
};

function rateOption(kind: RateSubjectKind, whose: string): ConfigOption<Said<RateRule>> {
  return {
    flag: `rate-${kind}`,
    environment: `GITSTRATUM_RATE_${kind.toUpperCase()}`,
    placeholder: "RATE[:BURST]",
    help: `Requests ${whose} that the cluster answers, e.g. 100/s:1000, 600/min or off.`,
    parse: (text) => parseRateRule(text) ?? "off",
  };
}

function runningOption(kind: RateSubjectKind, whose: string): ConfigOption<Said<ConcurrencyRule>> {
  return {
    flag: `running-${kind}`,
    environment: `GITSTRATUM_RUNNING_${kind.toUpperCase()}`,
    placeholder: "COUNT[:WAITING]",
    help: `Clones, fetches and pushes ${whose} that run here at a time, and that wait; or off.`,
    parse: (text) => parseConcurrencyRule(text) ?? "off",
  };
}

/** The same option, which nobody need say anything about. */
function withoutDefault<T>(
  { defaultText: _, ...option }: ConfigOption<T>,
): ConfigOption<T | undefined> {
  return option;
}

function quotaOption(names: OptionNames): ConfigOption<number | undefined> {
  const { parse, ...option } = sizeOption({ ...names, defaultText: "" });
  return withoutDefault({
    ...option,
    parse(text) {
      const bytes = parse(text);
      if (bytes >= 1) return bytes;
      throw new Error("must be a size of at least one byte");
    },
  });
}

/** Every setting with its flag, environment variable and help text. */
export const ADMISSION_CONFIG_TABLE: AdmissionConfigTable = {
  rateAddress: rateOption("address", "from one address"),
  rateUser: rateOption("user", "by one user"),
  rateToken: rateOption("token", "with one token or deploy key"),
  rateRepository: rateOption("repository", "to one repository"),
  runningAddress: runningOption("address", "from one address"),
  runningUser: runningOption("user", "by one user"),
  runningToken: runningOption("token", "with one token or deploy key"),
  runningRepository: runningOption("repository", "to one repository"),
  memoryBytes: sizeOption({
    flag: "memory",
    environment: "GITSTRATUM_MEMORY",
    defaultText: "512MiB",
    help: "Resident memory that the process stays within: beyond it, large requests wait.",
  }),
  repositoryBytesMax: quotaOption({
    flag: "quota-repository",
    environment: "GITSTRATUM_QUOTA_REPOSITORY",
    help: "Bytes that pushes to one repository may store, e.g. 10GiB; no bound unless told.",
  }),
  referenceCountMax: withoutDefault(countOption({
    flag: "quota-references",
    environment: "GITSTRATUM_QUOTA_REFERENCES",
    placeholder: "COUNT",
    defaultText: "",
    min: 1,
    help: "References that one repository may have; no bound unless told.",
  })),
  pushBytesMax: quotaOption({
    flag: "quota-push",
    environment: "GITSTRATUM_QUOTA_PUSH",
    help: "Bytes of the pack of one push; 16GiB unless told.",
  }),
  objectBytesMax: quotaOption({
    flag: "quota-object",
    environment: "GITSTRATUM_QUOTA_OBJECT",
    help: "Bytes of one object, inflated; 4GiB unless told.",
  }),
};

/** What repositories may grow to, of those settings that somebody made. */
function quotaOf(values: ConfigValues<AdmissionConfigTable>): QuotaLimits {
  const { repositoryBytesMax, referenceCountMax, pushBytesMax, objectBytesMax } = values;
  return {
    ...(repositoryBytesMax === undefined ? {} : { repositoryBytesMax }),
    ...(referenceCountMax === undefined ? {} : { referenceCountMax }),
    ...(pushBytesMax === undefined ? {} : { pushBytesMax }),
    ...(objectBytesMax === undefined ? {} : { objectBytesMax }),
  };
}

/** What the settings come to; `isPublic` when strangers can reach the server. */
export function admissionLimits(
  values: ConfigValues<AdmissionConfigTable>,
  options: { readonly isPublic: boolean },
): AdmissionLimits {
  const { isPublic } = options;
  const { rateAddress, rateUser, rateToken, rateRepository, memoryBytes } = values;
  const { runningAddress, runningUser, runningToken, runningRepository } = values;
  const rates = {
    address: rateAddress,
    user: rateUser,
    token: rateToken,
    repository: rateRepository,
  };
  const running = {
    address: runningAddress,
    user: runningUser,
    token: runningToken,
    repository: runningRepository,
  };
  return {
    rates: withDefaults(rates, isPublic ? PUBLIC_RATES : {}),
    concurrency: withDefaults(running, isPublic ? PUBLIC_CONCURRENCY : {}),
    memoryBytes,
    quota: quotaOf(values),
  };
}

function withDefaults<Rule>(
  said: { readonly [Kind in RateSubjectKind]: Said<Rule> },
  defaults: { readonly [Kind in RateSubjectKind]?: Rule },
): { readonly [Kind in RateSubjectKind]?: Rule } {
  const rules: { [Kind in RateSubjectKind]?: Rule } = {};
  for (const kind of RATE_SUBJECT_KINDS) {
    const rule = said[kind] ?? defaults[kind];
    if (rule !== undefined && rule !== "off") rules[kind] = rule as Rule;
  }
  return rules;
}
