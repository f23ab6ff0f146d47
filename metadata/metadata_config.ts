/**
 * The settings of a metadata node.
 *
 * @module
 */

import {
  type ConfigOption,
  type ConfigResult,
  type ConfigSources,
  type ConfigValues,
  EVENT_CONFIG_TABLE,
  type EventConfigTable,
  helpText,
  readConfig,
  textOption,
} from "@gitstratum/core";
import {
  CONTROL_URLS_OPTION,
  ETCD_URLS_OPTION,
  type NodeConfigTable,
  nodeConfigTable,
  readNodeFiles,
  WARM_START_OPTION,
} from "@gitstratum/core/process";

/** The settings by name. */
export type MetadataConfigTable = NodeConfigTable & EventConfigTable & {
  readonly control: ConfigOption<readonly string[] | undefined>;
  readonly etcd: ConfigOption<readonly string[] | undefined>;
  readonly data: ConfigOption<string>;
  readonly warmStartMs: ConfigOption<number>;
};

/** Every setting with its flag, environment variable, default and help text. */
export const METADATA_CONFIG_TABLE: MetadataConfigTable = {
  ...nodeConfigTable("127.0.0.1:7200"),
  ...EVENT_CONFIG_TABLE,
  control: { ...CONTROL_URLS_OPTION, isRequired: true },
  etcd: { ...ETCD_URLS_OPTION, isRequired: true },
  data: textOption({
    flag: "data",
    environment: "GITSTRATUM_DATA",
    placeholder: "DIRECTORY",
    defaultText: "./data/metadata",
    help: "Where the state of partitions is kept. It can be rebuilt from their logs.",
  }),
  warmStartMs: WARM_START_OPTION,
};

/** The settings of a metadata node. */
export type MetadataConfig = ConfigValues<MetadataConfigTable>;

/** Reads the settings, or tells all that is wrong with them. */
export function readMetadataConfig(sources: ConfigSources): ConfigResult<MetadataConfigTable> {
  const { readTextFile } = sources;
  return readConfig(
    METADATA_CONFIG_TABLE,
    sources,
    (values) => readTextFile === undefined ? [] : readNodeFiles(values, readTextFile).problems,
  );
}

/** The help text. */
export function metadataHelpText(): string {
  return helpText("deno task start:metadata [options]", METADATA_CONFIG_TABLE);
}
