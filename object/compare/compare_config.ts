/**
 * The settings of the command that compares two object nodes.
 *
 * @module
 */

import {
  type ConfigOption,
  type ConfigResult,
  type ConfigSources,
  type ConfigValues,
  countOption,
  helpText,
  readConfig,
  switchOption,
} from "@gitstratum/core";
import {
  CONTROL_URLS_OPTION,
  MEMBERSHIP_CONFIG_TABLE,
  NODE_ID_OPTION,
  readNodeFiles,
} from "@gitstratum/core/process";
import type { NodeId } from "@gitstratum/core/rpc";

/** The settings by name. */
export type CompareConfigTable = {
  readonly control: ConfigOption<readonly string[] | undefined>;
  readonly first: ConfigOption<NodeId | undefined>;
  readonly second: ConfigOption<NodeId | undefined>;
  readonly content: ConfigOption<boolean | undefined>;
  readonly mibPerSecond: ConfigOption<number>;
  readonly secretFile: ConfigOption<string | undefined>;
  readonly tlsCa: ConfigOption<string | undefined>;
};

/** The settings of one comparison. */
export type CompareConfig = ConfigValues<CompareConfigTable>;

/** Every setting with its flag, environment variable, default and help text. */
export const COMPARE_CONFIG_TABLE: CompareConfigTable = {
  control: { ...CONTROL_URLS_OPTION, isRequired: true },
  first: nodeOption("first"),
  second: nodeOption("second"),
  content: switchOption({
    flag: "content",
    environment: "GITSTRATUM_COMPARE_CONTENT",
    help: "Reads every byte of both nodes, instead of what their indexes say.",
  }),
  mibPerSecond: countOption({
    flag: "mib-per-second",
    environment: "GITSTRATUM_COMPARE_MIB_PER_SECOND",
    placeholder: "COUNT",
    defaultText: "64",
    min: 1,
    help: "How fast bytes are read, from both nodes together.",
  }),
  secretFile: { ...MEMBERSHIP_CONFIG_TABLE.secretFile, isRequired: true },
  tlsCa: MEMBERSHIP_CONFIG_TABLE.tlsCa,
};

function nodeOption(flag: string): ConfigOption<NodeId | undefined> {
  return {
    ...NODE_ID_OPTION,
    flag,
    environment: `GITSTRATUM_COMPARE_${flag.toUpperCase()}`,
    help: `Name of the ${flag} object node.`,
    isRequired: true,
  };
}

/** Reads the settings, or tells all that is wrong with them. */
export function readCompareConfig(sources: ConfigSources): ConfigResult<CompareConfigTable> {
  const { readTextFile } = sources;
  return readConfig(COMPARE_CONFIG_TABLE, sources, (values) => {
    const files = readTextFile === undefined ? [] : readNodeFiles(values, readTextFile).problems;
    const isSame = values.first !== undefined && values.first === values.second;
    return isSame ? [...files, "--first and --second name the same node"] : files;
  });
}

/** The help text. */
export function compareHelpText(): string {
  return helpText("gitstratum-compare-nodes [options]", COMPARE_CONFIG_TABLE);
}
