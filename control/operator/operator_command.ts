/**
 * What operators ask of the control plane: which nodes there are, and which of them shall go.
 *
 * @module
 */

import {
  type ConfigOption,
  type ConfigSources,
  type ConfigValues,
  GitStratumError,
  helpText,
  readConfig,
} from "@gitstratum/core";
import {
  CONTROL_URLS_OPTION,
  MEMBERSHIP_CONFIG_TABLE,
  type NodeConfigTable,
  readNodeFiles,
} from "@gitstratum/core/process";
import {
  type Control,
  FIRST_RELEASE_LEVEL,
  type NodeId,
  parseNodeId,
  type Topology,
} from "@gitstratum/core/rpc";
import { REPAIR_COMMANDS, type RepairCommand, repairCommandOf } from "./repair_command.ts";

/** The settings by name. */
export type OperatorConfigTable = Pick<NodeConfigTable, "id" | "secretFile" | "tlsCa"> & {
  readonly control: ConfigOption<readonly string[] | undefined>;
};

/** Every setting with its flag, environment variable, default and help text. */
export const OPERATOR_CONFIG_TABLE: OperatorConfigTable = {
  control: { ...CONTROL_URLS_OPTION, isRequired: true },
  secretFile: { ...MEMBERSHIP_CONFIG_TABLE.secretFile, isRequired: true },
  tlsCa: MEMBERSHIP_CONFIG_TABLE.tlsCa,
  id: {
    ...MEMBERSHIP_CONFIG_TABLE.id,
    environment: "GITSTRATUM_OPERATOR",
    help: "Name under which the operator asks; nodes log it (default: operator).",
  },
};

/** The settings. */
export type OperatorConfig = ConfigValues<OperatorConfigTable>;

/** What is to be done. */
export type OperatorCommand =
  | { readonly kind: "nodes" }
  | { readonly kind: "drain" | "undrain" | "forget"; readonly node: NodeId }
  | RepairCommand;

/** What the command line says. */
export type OperatorRequest =
  | {
    readonly kind: "values";
    readonly command: OperatorCommand;
    readonly config: OperatorConfig;
  }
  | { readonly kind: "help" }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

const COMMANDS = `nodes, drain ID, undrain ID, forget ID, ${REPAIR_COMMANDS}`;

/** Reads a command, its node and the settings, or tells all that is wrong with them. */
export function readOperatorRequest(sources: ConfigSources): OperatorRequest {
  const flagAt = sources.args.findIndex((arg) => arg.startsWith("-"));
  const wordCount = flagAt < 0 ? sources.args.length : flagAt;
  const args = sources.args.slice(wordCount);
  const command = commandOf(sources.args.slice(0, wordCount));
  const { readTextFile } = sources;
  const result = readConfig(OPERATOR_CONFIG_TABLE, { ...sources, args }, (values) => [
    ...(typeof command === "string" ? [command] : []),
    ...(readTextFile === undefined ? [] : readNodeFiles(values, readTextFile).problems),
  ]);
  if (result.kind !== "values") return result;
  if (typeof command === "string") return { kind: "invalid", problems: [command] };
  return { kind: "values", command, config: result.values };
}

/** The help text. */
export function operatorHelpText(): string {
  return helpText(`gitstratum-operate COMMAND [options]\n\n  ${COMMANDS}`, OPERATOR_CONFIG_TABLE);
}

/** The command that words make, or what is wrong with them. */
function commandOf(words: readonly string[]): OperatorCommand | string {
  const repair = repairCommandOf(words);
  if (repair !== undefined) return repair;
  const [kind, node] = words;
  const isPlain = kind === "nodes" && words.length === 1;
  if (isPlain) return { kind };
  if ((kind === "drain" || kind === "undrain" || kind === "forget") && words.length === 2) {
    try {
      return { kind, node: parseNodeId(node!) };
    } catch {
      // The id's own error speaks of a request; here it is the operator who reads.
      return `${JSON.stringify(node)} is no name of a node`;
    }
  }
  return `The command must be ${COMMANDS}`;
}

/**
 * Does what was asked; answers what to print.
 *
 * @throws what the control plane refuses
 */
export async function operate(
  control: Control,
  command: Exclude<OperatorCommand, RepairCommand>,
): Promise<string> {
  switch (command.kind) {
    case "nodes":
      return nodesText(await control.topology());
    case "drain":
      await control.setDraining(command.node, true);
      return `${command.node} is being emptied`;
    case "undrain":
      await control.setDraining(command.node, false);
      return `${command.node} takes duties again`;
    case "forget":
      await control.forget(command.node);
      return `${command.node} is forgotten`;
  }
}

/** The nodes as a table: what they are, how they are, what they have. */
export function nodesText(topology: Topology): string {
  const { nodes, partitions, rings, version } = topology;
  const primaries = Map.groupBy(partitions, ({ primary }) => primary);
  const rows = nodes.map(({ id, role, state, zone, weight, address }) => [
    id,
    role,
    state,
    zone,
    `${weight}`,
    role === "metadata" ? `${primaries.get(id)?.length ?? 0} partitions` : "",
    address,
  ]);
  const header = ["node", "role", "state", "zone", "weight", "has", "address"];
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]!.length))
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd();
  const unassigned = primaries.get(null)?.length ?? 0;
  return [
    ...[header, ...rows].map(line),
    "",
    `topology ${version}, ring ${rings?.version ?? 0}` +
    (rings?.previous === undefined ? "" : ", handing over from the ring before") +
    (unassigned === 0 ? "" : `, ${unassigned} partitions without a primary`),
    levelText(topology),
  ].join("\n");
}

/** The cluster's release level, and while an upgrade runs the nodes that it waits for. */
function levelText({ level: found, nodes }: Topology): string {
  const level = found ?? FIRST_RELEASE_LEVEL;
  const waitsFor = nodes.filter((node) => (node.level ?? FIRST_RELEASE_LEVEL) === level);
  const text = `release level ${level}`;
  if (waitsFor.length === nodes.length) return text;
  return `${text}, the next one waits for ${waitsFor.map(({ id }) => id).join(" ")}`;
}

/** What to tell an operator of a failure. */
export function failureText(error: unknown): string {
  return error instanceof GitStratumError ? error.describe() : String(error);
}
