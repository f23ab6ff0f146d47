/**
 * A whole cluster on this machine, to try it (`deno task cluster`): it runs until it is told to end.
 * Flags go to its frontends.
 *
 * @module
 */

import { LocalCluster } from "../harness/local_cluster.ts";

async function main(): Promise<number> {
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => resolve());
    }
  });
  await using cluster = await LocalCluster.start({
    frontendFlags: Deno.args,
    rehearses: true,
    onStep: (text) => console.log(text),
  });
  const [first, second] = cluster.frontends.map(({ url }) => url);
  console.log([
    "",
    `The cluster serves ${first} and ${second}.`,
    `Its data are in ${cluster.directory.path} until you end it with Ctrl-C.`,
    "Try, in a repository of yours:",
    `  git push ${first}/me/project.git HEAD:main`,
    `  git clone ${second}/me/project.git /tmp/project`,
    "Then end nodes as you like, and try again:",
    ...cluster.nodes.map(({ id, pid }) => `  kill -9 ${pid}   # ${id}`),
  ].join("\n"));
  await ended;
  return 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
