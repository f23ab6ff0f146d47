/**
 * The settings of a control node.
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
  optionalTextOption,
  readConfig,
} from "@gitstratum/core";
import {
  ETCD_URLS_OPTION,
  type NodeConfigTable,
  nodeConfigTable,
  readNodeFiles,
} from "@gitstratum/core/process";

/** The settings by name. */
export type ControlConfigTable = NodeConfigTable & {
  readonly etcd: ConfigOption<readonly string[] | undefined>;
  readonly data: ConfigOption<string | undefined>;
  readonly newNodePatience: ConfigOption<number>;
};

/** Every setting with its flag, environment variable, default and help text. */
export const CONTROL_CONFIG_TABLE: ControlConfigTable = {
  ...nodeConfigTable("127.0.0.1:7100"),
  etcd: ETCD_URLS_OPTION,
  data: optionalTextOption({
    flag: "data",
    environment: "GITSTRATUM_DATA",
    placeholder: "DIRECTORY",
    help: "Keeps everything here instead of in etcd: for the only control node of a trial.",
  }),
  newNodePatience: countOption({
    flag: "new-node-patience",
    environment: "GITSTRATUM_NEW_NODE_PATIENCE",
    placeholder: "SECONDS",
    defaultText: "600",
    min: 1,
    help: "How long a hand-over of extents waits for a new object node that is down.",
  }),
};

/** The settings of a control node. */
export type ControlConfig = ConfigValues<ControlConfigTable>;

/** Reads the settings, or tells all that is wrong with them. */
export function readControlConfig(sources: ConfigSources): ConfigResult<ControlConfigTable> {
  return readConfig(CONTROL_CONFIG_TABLE, sources, (values) => [
    ...((values.etcd === undefined) === (values.data === undefined)
      ? ["Either --etcd or --data is needed, and not both"]
      : []),
    ...(sources.readTextFile === undefined
      ? []
      : readNodeFiles(values, sources.readTextFile).problems),
  ]);
}

/** The help text. */
export function controlHelpText(): string {
  return helpText("deno task start:control [options]", CONTROL_CONFIG_TABLE);
}
