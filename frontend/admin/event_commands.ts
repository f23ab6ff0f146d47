/**
 * Commands about who did what, and about webhooks, who are told of it.
 *
 * @module
 */

import { DELIVERY_STATES, WEBHOOK_EVENTS } from "@gitstratum/core/rpc";
import { type AdminArgument, type AdminCommand, adminCommand } from "./admin_command.ts";
import { type EntryOf, pagesOf } from "./admin_api.ts";
import {
  choiceFlag,
  choicesFlag,
  ID,
  LIMIT,
  OWNER,
  REPOSITORY,
  type RepositoryPath,
  switchFlag,
  textFlag,
  timeFlag,
} from "./command_parts.ts";
import { column } from "./text_table.ts";

type Event = EntryOf<"listAuditEvents">;
type Webhook = EntryOf<"listRepositoryWebhooks">;
type Delivery = EntryOf<"listRepositoryDeliveries">;

/** A repository, or an owner with all that is theirs. */
type Target =
  | { readonly kind: "repository"; readonly path: RepositoryPath }
  | { readonly kind: "owner"; readonly path: { readonly owner: string } };

const TARGET: AdminArgument<Target> = {
  placeholder: "OWNER[/NAME]",
  help: "The repository, or the owner with all their repositories.",
  names: "repository",
  parse: (text) =>
    text.includes("/")
      ? { kind: "repository", path: REPOSITORY.parse(text) }
      : { kind: "owner", path: { owner: OWNER.parse(text) } },
};

const EVENT_COLUMNS = [
  column<Event>("at", ({ at }) => at.slice(0, 19).replace("T", " ")),
  column<Event>("by", ({ by }) => by?.user ?? by?.credential?.id ?? "-"),
  column<Event>("from", ({ by }) => by?.remoteAddress),
  column<Event>("did", ({ kind }) => kind),
  column<Event>("to", ({ repository, owner }) => repository?.name ?? owner),
  column<Event>(
    "details",
    ({ details }) =>
      Object.entries(details).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(" "),
  ),
];

const WEBHOOK_COLUMNS = [
  column<Webhook>("id", ({ id }) => id),
  column<Webhook>("url", ({ url }) => url),
  column<Webhook>("events", ({ events }) => events.join(",")),
  column<Webhook>("active", ({ active }) => active ? "yes" : "no"),
  column<Webhook>("created", ({ createdAt }) => createdAt.slice(0, 10)),
];

const DELIVERY_COLUMNS = [
  column<Delivery>("id", ({ id }) => id),
  column<Delivery>("event", ({ event }) => event),
  column<Delivery>("of", ({ eventAt }) => eventAt.slice(0, 19).replace("T", " ")),
  column<Delivery>("state", ({ state }) => state),
  column<Delivery>("attempts", ({ attempts }) => attempts),
  column<Delivery>("status", ({ status }) => status),
  column<Delivery>("reason", ({ reason }) => reason),
];

const URL_FLAG = { flag: "url", placeholder: "URL", help: "Where events are posted to." } as const;
const EVENTS_FLAG = {
  flag: "events",
  choices: WEBHOOK_EVENTS,
  help: `What it is told of: ${WEBHOOK_EVENTS.join(", ")}.`,
} as const;
const SECRET = textFlag({
  flag: "secret-file",
  placeholder: "FILE",
  help: "Key of the signatures, in a file; - is standard input. The server draws one unless told.",
});

const AUDIT_COMMAND = adminCommand({
  words: "audit",
  summary: "Lists who did what, the newest first.",
  operations: ["listAuditEvents", "listRepositoryAuditEvents", "listOwnerAuditEvents"],
  flags: {
    of: {
      ...textFlag({
        flag: "of",
        placeholder: "OWNER[/NAME]",
        help: "Only to this repository, or this owner; else to anything.",
      }),
      parse: (texts: readonly string[]) => TARGET.parse(texts.at(-1)!),
    },
    user: textFlag({ flag: "user", placeholder: "USER", help: "Only what this user did." }),
    since: timeFlag({ flag: "since", help: "Not before: 12h, 30d ago, or a time.", isPast: true }),
    until: timeFlag({ flag: "until", help: "Before: 12h, 30d ago, or a time.", isPast: true }),
    limit: LIMIT,
  },
  run({ of, user, since, until, limit }, { api, nowMs }) {
    const query = {
      ...(user === undefined ? {} : { user }),
      ...(since === undefined ? {} : { since: since(nowMs) }),
      ...(until === undefined ? {} : { until: until(nowMs) }),
    };
    const pages = of === undefined
      ? pagesOf(api, "listAuditEvents", { request: { query }, limit })
      : of.kind === "repository"
      ? pagesOf(api, "listRepositoryAuditEvents", { request: { path: of.path, query }, limit })
      : pagesOf(api, "listOwnerAuditEvents", { request: { path: of.path, query }, limit });
    return Promise.resolve({ kind: "entries", pages, columns: EVENT_COLUMNS });
  },
});

const WEBHOOK_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "webhook list",
    summary: "Lists the webhooks of a repository or an owner.",
    operations: ["listRepositoryWebhooks", "listOwnerWebhooks"],
    arguments: { target: TARGET },
    flags: { limit: LIMIT },
    run({ target: { kind, path }, limit }, { api }) {
      const pages = kind === "repository"
        ? pagesOf(api, "listRepositoryWebhooks", { request: { path }, limit })
        : pagesOf(api, "listOwnerWebhooks", { request: { path }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: WEBHOOK_COLUMNS });
    },
  }),
  adminCommand({
    words: "webhook add",
    summary: "Makes a webhook; its secret is shown this once.",
    operations: ["createRepositoryWebhook", "createOwnerWebhook"],
    arguments: { target: TARGET },
    flags: {
      url: textFlag({ ...URL_FLAG, isRequired: true }),
      events: choicesFlag({ ...EVENTS_FLAG, isRequired: true }),
      secret: SECRET,
    },
    async run({ target: { kind, path }, url, events, secret }, { api, readText }) {
      const body = {
        url: url!,
        events: events!,
        ...(secret === undefined ? {} : { secret: (await readText(secret)).trim() }),
      };
      const value = kind === "repository"
        ? await api.call("createRepositoryWebhook", { path, body })
        : await api.call("createOwnerWebhook", { path, body });
      return { kind: "value", value };
    },
  }),
  adminCommand({
    words: "webhook set",
    summary: "Changes a webhook.",
    operations: ["updateRepositoryWebhook", "updateOwnerWebhook"],
    arguments: { target: TARGET, id: { ...ID, repeats: true } },
    flags: {
      url: textFlag(URL_FLAG),
      events: choicesFlag(EVENTS_FLAG),
      active: switchFlag({ flag: "active", help: "It is told; --no-active ends that." }),
      secret: SECRET,
    },
    async run({ target: { kind, path }, id, url, events, active, secret }, { api, readText }) {
      const body = {
        ...(url === undefined ? {} : { url }),
        ...(events === undefined ? {} : { events }),
        ...(active === undefined ? {} : { active }),
        ...(secret === undefined ? {} : { secret: (await readText(secret)).trim() }),
      };
      const value = kind === "repository"
        ? await api.call("updateRepositoryWebhook", { path: { ...path, id }, body })
        : await api.call("updateOwnerWebhook", { path: { ...path, id }, body });
      return { kind: "value", value };
    },
  }),
  adminCommand({
    words: "webhook remove",
    summary: "Removes webhooks; what they were not told yet, they are not told any more.",
    operations: ["deleteRepositoryWebhook", "deleteOwnerWebhook"],
    arguments: { target: TARGET, id: { ...ID, repeats: true } },
    async run({ target: { kind, path }, id }, { api }) {
      if (kind === "repository") {
        await api.call("deleteRepositoryWebhook", { path: { ...path, id } });
      } else await api.call("deleteOwnerWebhook", { path: { ...path, id } });
      return { kind: "done", text: `${id} is removed` };
    },
  }),
  adminCommand({
    words: "webhook deliveries",
    summary: "Lists what a webhook was told, the newest first.",
    operations: ["listRepositoryDeliveries", "listOwnerDeliveries"],
    arguments: { target: TARGET, id: ID },
    flags: {
      state: choiceFlag({
        flag: "state",
        choices: DELIVERY_STATES,
        help: "Only those in this state.",
      }),
      limit: LIMIT,
    },
    run({ target: { kind, path }, id, state, limit }, { api }) {
      const query = state === undefined ? {} : { state };
      const pages = kind === "repository"
        ? pagesOf(api, "listRepositoryDeliveries", {
          request: { path: { ...path, id }, query },
          limit,
        })
        : pagesOf(api, "listOwnerDeliveries", { request: { path: { ...path, id }, query }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: DELIVERY_COLUMNS });
    },
  }),
  adminCommand({
    words: "webhook replay",
    summary: "Has deliveries made again, under the same ids.",
    operations: ["replayRepositoryDelivery", "replayOwnerDelivery"],
    arguments: {
      target: TARGET,
      id: ID,
      delivery: { ...ID, placeholder: "DELIVERY", help: "Its id.", repeats: true },
    },
    async run({ target: { kind, path }, id, delivery }, { api }) {
      const value = kind === "repository"
        ? await api.call("replayRepositoryDelivery", { path: { ...path, id, delivery } })
        : await api.call("replayOwnerDelivery", { path: { ...path, id, delivery } });
      return { kind: "value", value };
    },
  }),
];

/** The commands. */
export const EVENT_COMMANDS: readonly AdminCommand[] = [AUDIT_COMMAND, ...WEBHOOK_COMMANDS];
