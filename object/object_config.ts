/**
 * The settings of an object node.
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
  textOption,
} from "@gitstratum/core";
import {
  CONTROL_URLS_OPTION,
  type NodeConfigTable,
  nodeConfigTable,
  readNodeFiles,
  WARM_START_OPTION,
} from "@gitstratum/core/process";

/** The settings by name. */
export type ObjectConfigTable = NodeConfigTable & {
  readonly control: ConfigOption<readonly string[] | undefined>;
  readonly data: ConfigOption<string>;
  readonly warmStartMs: ConfigOption<number>;
  readonly repairMibPerSecond: ConfigOption<number>;
};

/** Every setting with its flag, environment variable, default and help text. */
export const OBJECT_CONFIG_TABLE: ObjectConfigTable = {
  ...nodeConfigTable("127.0.0.1:7300"),
  control: { ...CONTROL_URLS_OPTION, isRequired: true },
  data: textOption({
    flag: "data",
    environment: "GITSTRATUM_DATA",
    placeholder: "DIRECTORY",
    defaultText: "./data/object",
    help: "Where extents are kept. One node uses it at a time.",
  }),
  warmStartMs: WARM_START_OPTION,
  repairMibPerSecond: countOption({
    flag: "repair-mib-per-second",
    environment: "GITSTRATUM_REPAIR_MIB_PER_SECOND",
    placeholder: "COUNT",
    defaultText: "64",
    min: 1,
    help: "How fast this node copies what it lacks from others, at most.",
  }),
};

/** The settings of an object node. */
export type ObjectConfig = ConfigValues<ObjectConfigTable>;

/** Reads the settings, or tells all that is wrong with them. */
export function readObjectConfig(sources: ConfigSources): ConfigResult<ObjectConfigTable> {
  const { readTextFile } = sources;
  return readConfig(
    OBJECT_CONFIG_TABLE,
    sources,
    (values) => readTextFile === undefined ? [] : readNodeFiles(values, readTextFile).problems,
  );
}

/** The help text. */
export function objectHelpText(): string {
  return helpText("deno task start:object [options]", OBJECT_CONFIG_TABLE);
}
