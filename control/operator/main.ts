/**
 * The command line of operators (`gitstratum-operate`, `deno task operate`).
 *
 * @module
 */

import { openNodeFetchers, readNodeFiles, systemProcessWorld } from "@gitstratum/core/process";
import { ControlFailover, parseNodeId } from "@gitstratum/core/rpc";
import { failureText, operate, operatorHelpText, readOperatorRequest } from "./operator_command.ts";
import { isRepairCommand, operateRepairs } from "./repair_command.ts";

async function main(): Promise<number> {
  const world = systemProcessWorld();
  const { args, environment, clock, random } = world;
  const readTextFile = (path: string) => world.readTextFile(path);
  const request = readOperatorRequest({ args, environment, readTextFile });
  switch (request.kind) {
    case "help":
      world.print(operatorHelpText());
      return 0;
    case "invalid":
      world.printError(request.problems.join("\n"));
      return 2;
    case "values": {
      const { config, command } = request;
      const { files } = readNodeFiles(config, readTextFile);
      const nodeId = config.id ?? parseNodeId("operator");
      const { signed } = openNodeFetchers({ files, nodeId, clock, random });
      const control = new ControlFailover({
        urls: config.control!,
        fetcher: signed,
        clock,
        random,
      });
      try {
        const text = isRepairCommand(command)
          ? await operateRepairs({ control, fetcher: signed }, command)
          : await operate(control, command);
        world.print(text);
        return 0;
      } catch (error) {
        world.printError(failureText(error));
        return 1;
      }
    }
  }
}

if (import.meta.main) Deno.exit(await main());
