/**
 * What is said to control nodes, and what they keep in the consensus store.
 *
 * @module
 */

import {
  auditEventSchema,
  auditPageSchema,
  auditQuerySchema,
  changeWebhookSchema,
  controlBasisSchema,
  createWebhookSchema,
  deliveryPageSchema,
  deliveryQuerySchema,
  heartbeatRequestSchema,
  heartbeatResultSchema,
  nodeRegistrationSchema,
  rateSettlementAnswerSchema,
  rateSettlementSchema,
  registerNodeRequestSchema,
  replayRequestSchema,
  secretWebhookSchema,
  topologyLineSchema,
  topologySchema,
  webhookListSchema,
  webhookRequestSchema,
  webhookSchema,
} from "@gitstratum/core/rpc";
import {
  ACCESS_CALLS,
  accessAnswerSchema,
  accessBodySchema,
  accessLineSchema,
  accessRecordSchema,
} from "@gitstratum/core/rpc/access";
import { clusterSchema } from "../../../control/cluster_identity.ts";
import { clusterLevelSchema } from "../../../control/cluster_level.ts";
import {
  drainingSchema,
  leaveSchema,
  repairSwitchSchema,
} from "../../../control/control_service.ts";
import { aliveRecordSchema, nodeRecordSchema } from "../../../control/node_registry.ts";
import { AT_MS, ID, NAME, PROVENANCE, type Shape, shape } from "./shape.ts";

const DESCRIBED = {
  role: "object",
  address: "http://object-1.test",
  zone: "zone-1",
  weight: 1,
  level: 2,
};
const NODE = { id: "object-1", ...DESCRIBED, state: "active", incarnation: 1 };
const PARTITION = { primary: "metadata-1", followers: ["metadata-2"] };
const RING = { replicaCount: 3, writeQuorum: 2 };
const MEMBER = { id: "object-1", zone: "zone-1", weight: 1 };
const RINGS = { version: 1, current: [MEMBER], previous: [MEMBER] };
const TOPOLOGY = {
  cluster: ID,
  version: 1,
  level: 2,
  nodes: [NODE],
  partitions: Array.from({ length: 256 }, () => PARTITION),
  ring: RING,
  rings: RINGS,
};
const CHANGE = {
  kind: "change",
  from: 1,
  version: 2,
  nodes: [NODE],
  removed: ["object-2"],
  partitions: [[0, PARTITION]],
  ring: RING,
  rings: RINGS,
};

const NODES: readonly Shape[] = [
  shape("register", registerNodeRequestSchema, {
    id: "object-1",
    ...DESCRIBED,
    levelLeast: 1,
    ready: true,
    cluster: ID,
    attempt: ID,
  }),
  shape("registered", nodeRegistrationSchema, {
    incarnation: 1,
    heartbeatIntervalMs: 1000,
    cluster: ID,
    level: 2,
  }),
  shape("heartbeat", heartbeatRequestSchema, {
    incarnation: 1,
    ready: true,
    ringVersion: 1,
    level: 2,
    caughtUp: "0".repeat(64),
  }),
  shape("heard", heartbeatResultSchema, { state: "active", topologyVersion: 1 }),
  shape("leave", leaveSchema, { incarnation: 1 }),
  shape("draining", drainingSchema, { draining: true, basis: 1 }),
  shape("control basis", controlBasisSchema, { basis: 1 }),
  shape("repair switch", repairSwitchSchema, { paused: true, basis: 1 }),
  shape("topology", topologySchema, TOPOLOGY),
  shape(
    "topology line",
    topologyLineSchema,
    { kind: "whole", topology: TOPOLOGY },
    CHANGE,
    { kind: "alive", version: 1 },
  ),
  shape("stored cluster", clusterSchema, { id: ID }),
  shape("stored level", clusterLevelSchema, { level: 2 }),
  shape("stored node", nodeRecordSchema, {
    ...DESCRIBED,
    incarnation: 1,
    draining: false,
    left: true,
    forgotten: false,
  }),
  shape("stored sign of life", aliveRecordSchema, {
    incarnation: 1,
    ready: true,
    ringVersion: 1,
    level: 2,
  }),
];

const REPORT = { key: "address:192.0.2.1", rule: { perSecond: 1, burst: 1 } };
const EVENT_ID = "000001700000000-0256-0000000000000001-0000000";
const EVENT = {
  id: EVENT_ID,
  atMs: AT_MS,
  kind: "push",
  repository: { id: ID, name: NAME },
  owner: "owner",
  provenance: PROVENANCE,
  details: { settings: { archived: { before: null, after: true } } },
};
const HOOK = {
  id: ID,
  target: { kind: "repository", repositoryId: ID },
  url: "https://hook.test/",
  events: ["push"],
  active: true,
};
const SECRET = "s".repeat(16);
const DELIVERY = {
  id: ID,
  webhookId: ID,
  event: "push",
  lsn: 1,
  eventAtMs: AT_MS,
  state: "waiting",
  attempts: 1,
  nextAtMs: AT_MS,
  lastAtMs: AT_MS,
  status: 503,
  reason: "text",
};

const EVENTS: readonly Shape[] = [
  shape("rates settle", rateSettlementSchema, {
    frontend: "frontend-1",
    reports: [{ ...REPORT, owed: 1, returned: 0, wanted: 1 }],
  }),
  shape("rates settled", rateSettlementAnswerSchema, {
    grants: [{ key: REPORT.key, granted: 1 }],
  }),
  shape("audit query", auditQuerySchema, {
    repositoryId: ID,
    owner: "owner",
    user: "alice",
    sinceMs: 1,
    untilMs: 2,
    before: EVENT_ID,
    limit: 1,
    partitions: [0],
  }),
  shape("audit events", auditPageSchema, [EVENT]),
  shape("stored audit event", auditEventSchema, EVENT),
  shape("create webhook", createWebhookSchema, { ...HOOK, secret: SECRET, provenance: PROVENANCE }),
  shape("change webhook", changeWebhookSchema, {
    id: ID,
    url: HOOK.url,
    secret: SECRET,
    events: ["push"],
    active: true,
    provenance: PROVENANCE,
  }),
  shape("webhook request", webhookRequestSchema, { id: ID, provenance: PROVENANCE }),
  shape(
    "webhook query",
    webhookListSchema,
    { target: HOOK.target, after: ID, limit: 1 },
    { target: { kind: "owner", owner: "owner" }, limit: 1 },
  ),
  shape("webhook", webhookSchema, { ...HOOK, createdAtMs: AT_MS }),
  shape("stored webhook", secretWebhookSchema, { ...HOOK, secret: SECRET, createdAtMs: AT_MS }),
  shape("deliveries", deliveryPageSchema, [DELIVERY]),
  shape("delivery query", deliveryQuerySchema, {
    webhookId: ID,
    state: "dead",
    before: `000001700000000-${ID}`,
    limit: 1,
    partitions: [0],
  }),
  shape("replay", replayRequestSchema, { id: ID, webhookId: ID }),
];

const HASH = "0".repeat(64);
const HELD = { id: ID, label: "text", createdAtMs: AT_MS, expiresAtMs: AT_MS };
const PUBLIC_KEY = { ...HELD, type: "ssh-ed25519", blob: "AAAA", fingerprint: "SHA256:x" };
const TARGET = { on: "repository", repository: ID };
const CLAIMS = [{ claim: "sub", pattern: "*" }];
const RECORDS = {
  user: {
    kind: "user",
    id: ID,
    name: "alice",
    administrator: true,
    disabled: false,
    createdAtMs: AT_MS,
  },
  owner: { kind: "owner", name: "acme", createdAtMs: AT_MS },
  token: {
    ...HELD,
    kind: "token",
    user: ID,
    hash: HASH,
    scopes: ["repository:read"],
    repositories: [ID],
    notBeforeMs: AT_MS,
  },
  jobToken: {
    ...HELD,
    kind: "job-token",
    hash: HASH,
    trust: ID,
    repository: ID,
    role: "read",
    subject: "job",
  },
  userKey: { ...PUBLIC_KEY, kind: "user-key", user: ID },
  openPgpKey: {
    ...PUBLIC_KEY,
    kind: "openpgp-key",
    user: ID,
    keyIds: ["0".repeat(16)],
    keyEndsAtMs: AT_MS,
  },
  deployKey: { ...PUBLIC_KEY, kind: "deploy-key", repository: ID, role: "write" },
  grant: { kind: "grant", user: ID, target: TARGET, role: "admin", createdAtMs: AT_MS },
  issuer: {
    kind: "issuer",
    id: ID,
    url: "https://issuer.test",
    audience: "gitstratum",
    keysUrl: "https://issuer.test/keys",
    createdAtMs: AT_MS,
  },
  trust: {
    kind: "trust",
    id: ID,
    issuer: ID,
    repository: ID,
    role: "read",
    claims: CLAIMS,
    label: "text",
    createdAtMs: AT_MS,
  },
};
const OF_USER = { user: ID, id: ID };
const OF_REPOSITORY = { repository: ID, id: ID };
const PAGE = { after: "a", limit: 1 };
const KEY = { id: ID, key: "ssh-ed25519 AAAA", label: "text", expiresAtMs: AT_MS };
const page = (record: unknown) => ({ records: [record], next: "b" });

/** What is asked and answered in each call about accounts. */
const CALLS: Readonly<Record<keyof typeof ACCESS_CALLS, readonly [asked: unknown, got: unknown]>> =
  {
    claimFirstAdministrator: [{ user: ID, name: "admin", token: ID, hash: HASH }, {
      claimed: true,
    }],
    findUser: [{ name: "alice" }, RECORDS.user],
    findOwner: [{ name: "acme" }, RECORDS.owner],
    createUser: [{ id: ID, name: "alice", administrator: false }, RECORDS.user],
    changeUser: [{ user: ID, administrator: true, disabled: true }, RECORDS.user],
    removeUser: [{ user: ID }, {}],
    createOwner: [{ name: "acme" }, RECORDS.owner],
    removeOwner: [{ name: "acme" }, {}],
    createToken: [
      {
        ...{
          id: ID,
          user: ID,
          hash: HASH,
          label: "text",
          scopes: ["repository:read"],
          repositories: [ID],
        },
        ...{ notBeforeMs: AT_MS, expiresAtMs: AT_MS },
      },
      RECORDS.token,
    ],
    removeToken: [OF_USER, {}],
    addOpenPgpKey: [{ ...KEY, user: ID }, RECORDS.openPgpKey],
    removeOpenPgpKey: [OF_USER, {}],
    listOpenPgpKeys: [{ ...PAGE, user: ID }, page(RECORDS.openPgpKey)],
    addUserKey: [{ ...KEY, user: ID }, RECORDS.userKey],
    removeUserKey: [OF_USER, {}],
    addDeployKey: [{ ...KEY, repository: ID, role: "read" }, RECORDS.deployKey],
    removeDeployKey: [OF_REPOSITORY, {}],
    setGrant: [{ user: ID, target: TARGET, role: "write" }, RECORDS.grant],
    removeGrant: [{ user: ID, target: { on: "owner", owner: "acme" } }, {}],
    removeRepository: [{ repository: ID }, {}],
    createIssuer: [
      { id: ID, url: "https://issuer.test", audience: "a", keysUrl: "https://issuer.test/keys" },
      RECORDS.issuer,
    ],
    removeIssuer: [{ id: ID }, {}],
    createTrust: [
      { id: ID, issuer: ID, repository: ID, role: "read", claims: CLAIMS, label: "text" },
      RECORDS.trust,
    ],
    removeTrust: [OF_REPOSITORY, {}],
    createJobToken: [
      { id: ID, hash: HASH, trust: ID, subject: "job", label: "text", expiresAtMs: AT_MS },
      RECORDS.jobToken,
    ],
    listUsers: [PAGE, page(RECORDS.user)],
    listOwners: [PAGE, page(RECORDS.owner)],
    listIssuers: [PAGE, page(RECORDS.issuer)],
    listTokens: [{ ...PAGE, user: ID }, page(RECORDS.token)],
    listUserKeys: [{ ...PAGE, user: ID }, page(RECORDS.userKey)],
    listDeployKeys: [{ ...PAGE, repository: ID }, page(RECORDS.deployKey)],
    listGrants: [{ ...PAGE, target: TARGET }, page(RECORDS.grant)],
    listTrusts: [{ ...PAGE, repository: ID }, page(RECORDS.trust)],
  };

const ACCOUNTS: readonly Shape[] = [
  ...Object.entries(CALLS).flatMap(([name, [request, outcome]]) => {
    const call = ACCESS_CALLS[name as keyof typeof CALLS];
    return [
      shape(`access ${name}`, accessBodySchema<unknown>(call.request), {
        request,
        provenance: PROVENANCE,
        basis: 1,
      }),
      shape(`access ${name} answer`, accessAnswerSchema<unknown>(call.outcome), {
        revision: 1,
        outcome,
      }),
    ];
  }),
  shape("access record", accessRecordSchema, ...Object.values(RECORDS)),
  shape(
    "access line",
    accessLineSchema,
    { kind: "begin", revision: 1 },
    { kind: "records", records: [RECORDS.user] },
    { kind: "end", count: 1 },
    { kind: "changes", from: 1, revision: 2, changes: [{ key: "user/1", record: RECORDS.user }] },
    { kind: "alive", revision: 1 },
  ),
];

/** All of it. */
export const CONTROL_SHAPES: readonly Shape[] = [...NODES, ...EVENTS, ...ACCOUNTS];
