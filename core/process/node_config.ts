/**
 * The settings that every node of a cluster has, whatever its role, and the files that they name.
 *
 * @module
 */

import {
  choiceOption,
  CONFIG_FILE_OPTION,
  type ConfigOption,
  type ConfigValues,
  countOption,
  optionalTextOption,
  switchOption,
  textOption,
  urlOption,
  urlsOption,
} from "../config.ts";
import { LOG_LEVELS, type LogLevel } from "../logger.ts";
import { RELEASE_LEVEL, RELEASE_LEVEL_LEAST } from "../rpc/topology/release_level.ts";
import { type NodeId, parseNodeId } from "../rpc/topology/topology.ts";
import { addressOption, isLoopback, isWildcard, type SocketAddress } from "../socket_address.ts";
import type { TlsIdentity } from "./http_server.ts";

/** The settings by name. */
export type NodeConfigTable = {
  readonly config: ConfigOption<string | undefined>;
  readonly id: ConfigOption<NodeId | undefined>;
  readonly zone: ConfigOption<string>;
  readonly weight: ConfigOption<number>;
  readonly releaseLevel: ConfigOption<number>;
  readonly listen: ConfigOption<SocketAddress>;
  readonly advertise: ConfigOption<string | undefined>;
  readonly secretFile: ConfigOption<string | undefined>;
  readonly tlsCert: ConfigOption<string | undefined>;
  readonly tlsKey: ConfigOption<string | undefined>;
  readonly tlsCa: ConfigOption<string | undefined>;
  readonly admin: ConfigOption<SocketAddress>;
  readonly adminTokenFile: ConfigOption<string | undefined>;
  readonly drainDelayS: ConfigOption<number>;
  readonly accessLog: ConfigOption<boolean | undefined>;
  readonly logLevel: ConfigOption<LogLevel>;
};

/** The settings of any node. */
export type NodeConfig = ConfigValues<NodeConfigTable>;

/** Base URLs of the control nodes. */
export const CONTROL_URLS_OPTION: ConfigOption<readonly string[] | undefined> = urlsOption({
  flag: "control",
  environment: "GITSTRATUM_CONTROL",
  help: "Control nodes, any of which will do; name them all.",
});

/** Base URLs of etcd's client ports. */
export const ETCD_URLS_OPTION: ConfigOption<readonly string[] | undefined> = urlsOption({
  flag: "etcd",
  environment: "GITSTRATUM_ETCD",
  help: "Client URLs of the etcd members, any of which will do; name them all.",
});

/** How long a start may rehearse. */
export const WARM_START_OPTION: ConfigOption<number> = countOption({
  flag: "warm-start",
  environment: "GITSTRATUM_WARM_START",
  placeholder: "MILLISECONDS",
  defaultText: "2000",
  min: 0,
  help: "How long a start may get ready for its first clients. 0 = not at all.",
});

/** The name of a node. */
export const NODE_ID_OPTION: ConfigOption<NodeId | undefined> = {
  flag: "id",
  environment: "GITSTRATUM_ID",
  placeholder: "NAME",
  help:
    "Name of this node in the cluster, kept over restarts: lower-case letters, digits, hyphens.",
  parse(text) {
    try {
      return parseNodeId(text);
    } catch {
      // The id's own error speaks of a request; here it is the operator who reads.
      throw new Error(
        `must be lower-case letters, digits and hyphens, not ${JSON.stringify(text)}`,
      );
    }
  },
};

/** The settings of every process, the all-in-one server's too. */
export const PROCESS_CONFIG_TABLE: Pick<
  NodeConfigTable,
  "config" | "admin" | "adminTokenFile" | "drainDelayS" | "accessLog" | "logLevel"
> = {
  config: CONFIG_FILE_OPTION,
  admin: addressOption({
    flag: "admin",
    environment: "GITSTRATUM_ADMIN",
    defaultText: "127.0.0.1:0",
    help: "Where /healthz, /readyz and /metrics are served. Port 0 picks a free one.",
  }),
  adminTokenFile: optionalTextOption({
    flag: "admin-token-file",
    environment: "GITSTRATUM_ADMIN_TOKEN_FILE",
    placeholder: "FILE",
    help: "Holds the token for metrics; needed where --admin is not on loopback.",
  }),
  drainDelayS: countOption({
    flag: "drain-delay",
    environment: "GITSTRATUM_DRAIN_DELAY",
    placeholder: "SECONDS",
    defaultText: "0",
    min: 0,
    help:
      "How long to serve on after SIGTERM while /readyz says no, for a load balancer to see it.",
  }),
  accessLog: switchOption({
    flag: "access-log",
    environment: "GITSTRATUM_ACCESS_LOG",
    help: "Logs a line for each request (default: on for clients, off between nodes).",
  }),
  logLevel: choiceOption({
    flag: "log-level",
    environment: "GITSTRATUM_LOG_LEVEL",
    words: LOG_LEVELS,
    defaultText: "info",
    help: "The least urgent lines that are logged.",
  }),
};

/** How a process belongs to a cluster; a frontend has these, too. */
export const MEMBERSHIP_CONFIG_TABLE: Pick<
  NodeConfigTable,
  "id" | "zone" | "releaseLevel" | "advertise" | "secretFile" | "tlsCert" | "tlsKey" | "tlsCa"
> = {
  id: NODE_ID_OPTION,
  zone: textOption({
    flag: "zone",
    environment: "GITSTRATUM_ZONE",
    placeholder: "NAME",
    defaultText: "default",
    help: "What fails together with this node: a machine, a rack, a room.",
  }),
  releaseLevel: {
    flag: "release-level",
    environment: "GITSTRATUM_RELEASE_LEVEL",
    placeholder: "LEVEL",
    defaultText: String(RELEASE_LEVEL),
    help:
      "The newest release level that this node lets its cluster have; the one before keeps the way back.",
    parse(text) {
      const level = /^[0-9]{1,6}$/.test(text) ? Number(text) : NaN;
      if (level >= RELEASE_LEVEL_LEAST && level <= RELEASE_LEVEL) return level;
      throw new Error(
        `must be ${RELEASE_LEVEL_LEAST} to ${RELEASE_LEVEL}, not ${JSON.stringify(text)}`,
      );
    },
  },
  advertise: urlOption({
    flag: "advertise",
    environment: "GITSTRATUM_ADVERTISE",
    help: "URL under which other nodes reach this one (default: where it listens).",
  }),
  secretFile: optionalTextOption({
    flag: "secret-file",
    environment: "GITSTRATUM_SECRET_FILE",
    placeholder: "FILE",
    help: "Holds the cluster's secret; a second line holds an older one that is still accepted.",
  }),
  tlsCert: optionalTextOption({
    flag: "tls-cert",
    environment: "GITSTRATUM_TLS_CERT",
    placeholder: "FILE",
    help: "Certificate chain, PEM: serves HTTPS.",
  }),
  tlsKey: optionalTextOption({
    flag: "tls-key",
    environment: "GITSTRATUM_TLS_KEY",
    placeholder: "FILE",
    help: "Private key of the certificate, PEM.",
  }),
  tlsCa: optionalTextOption({
    flag: "tls-ca",
    environment: "GITSTRATUM_TLS_CA",
    placeholder: "FILE",
    help: "Certificates, PEM, that vouch for other nodes and etcd beside those of the system.",
  }),
};

/** The table of a node that others call; `listen` is its default address. */
export function nodeConfigTable(listen: string): NodeConfigTable {
  return {
    ...PROCESS_CONFIG_TABLE,
    ...MEMBERSHIP_CONFIG_TABLE,
    id: { ...MEMBERSHIP_CONFIG_TABLE.id, isRequired: true },
    secretFile: { ...MEMBERSHIP_CONFIG_TABLE.secretFile, isRequired: true },
    weight: countOption({
      flag: "weight",
      environment: "GITSTRATUM_WEIGHT",
      placeholder: "COUNT",
      defaultText: "1",
      min: 0,
      help: "Share of the data against other nodes of the role: terabytes, say. 0 gets none.",
    }),
    listen: addressOption({
      flag: "listen",
      environment: "GITSTRATUM_LISTEN",
      defaultText: listen,
      help: "Where other nodes reach this one. Port 0 picks a free one.",
    }),
  };
}

/** Shorter secrets could be guessed by whoever sees a token. */
const SECRET_LENGTH_MIN = 32;

/** What the named files hold. */
export interface NodeFiles {
  /** The cluster's secrets; the first one signs, all are accepted. Empty without a file. */
  readonly secrets: readonly string[];
  /** What to serve HTTPS with. */
  readonly tls?: TlsIdentity;
  /** Further certificates to trust, PEM. */
  readonly caCerts: readonly string[];
  /** Token of the admin address. */
  readonly adminToken?: string;
}

/** The files that settings name, and what is wrong with them and with the settings together. */
export function readNodeFiles(
  config: Partial<NodeConfig>,
  readTextFile: (path: string) => string,
): { readonly files: NodeFiles; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const read = (flag: string, path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    try {
      return readTextFile(path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(`--${flag} names a file that cannot be read: ${reason}`);
      return undefined;
    }
  };
  const secrets = linesOf(read("secret-file", config.secretFile));
  if (config.secretFile !== undefined && problems.length === 0) {
    problems.push(...secretProblems(secrets));
  }
  const [cert, key] = [read("tls-cert", config.tlsCert), read("tls-key", config.tlsKey)];
  const ca = read("tls-ca", config.tlsCa);
  const adminToken = linesOf(read("admin-token-file", config.adminTokenFile))[0];
  return {
    files: {
      secrets,
      ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }),
      caCerts: ca === undefined ? [] : [ca],
      ...(adminToken === undefined ? {} : { adminToken }),
    },
    problems: [...problems, ...settingProblems(config)],
  };
}

function linesOf(text: string | undefined): readonly string[] {
  return (text ?? "").split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

function secretProblems(secrets: readonly string[]): readonly string[] {
  if (secrets.length === 0) return ["--secret-file names an empty file"];
  if (secrets.every(({ length }) => length >= SECRET_LENGTH_MIN)) return [];
  return [`--secret-file holds a secret of fewer than ${SECRET_LENGTH_MIN} characters`];
}

function settingProblems(
  config: Partial<NodeConfig>,
): readonly string[] {
  const { listen, advertise, tlsCert, tlsKey, admin, adminTokenFile } = config;
  const problems: string[] = [];
  if (listen !== undefined && isWildcard(listen) && advertise === undefined) {
    problems.push("--advertise is needed where --listen names every address of the machine");
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    problems.push("--tls-cert and --tls-key need each other");
  }
  if (admin !== undefined && !isLoopback(admin) && adminTokenFile === undefined) {
    problems.push("--admin-token-file is needed where --admin is not on loopback");
  }
  return problems;
}
