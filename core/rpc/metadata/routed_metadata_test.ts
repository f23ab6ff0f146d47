import { deepEqual, equal, ok } from "node:assert/strict";
import { KNOWN_NAME_COUNT_MAX } from "../../limits.ts";
import { ManualClock } from "../../manual_clock.ts";
import { partitionOf } from "../../ring/partition.ts";
import { SeededRandom } from "../../seeded_random.ts";
import { errorResponse } from "../error_response.ts";
import { GitStratumError } from "../../error.ts";
import type { NetworkId, RepositoryId } from "../ids.ts";
import { DEFAULT_REPOSITORY_SETTINGS } from "../repository/repository_settings.ts";
import { parseRepositoryName } from "../repository/repository_name.ts";
import { ManualTopology } from "../topology/manual_topology.ts";
import { emptyTopology, type NodeId, type TopologyNode } from "../topology/topology.ts";
import { KnownNames } from "./known_names.ts";
import { encodeListed } from "./listed_repository.ts";
import type { ListedRepository, RepositoryInfo } from "./metadata.ts";
import { RoutedMetadata } from "./routed_metadata.ts";

const NAME = parseRepositoryName("owner/name");
const NODES = ["names", "networks"].map((id): TopologyNode => ({
  id: id as NodeId,
  role: "metadata",
  address: `http://${id}`,
  zone: "z",
  weight: 1,
  state: "active",
  incarnation: 1,
}));

/** A network of another partition than the name's. */
const NETWORK = Array.from({ length: 16 }, (_, n) => n.toString(16).repeat(32) as NetworkId)
  .find((id) => partitionOf(id) !== partitionOf(NAME))!;
const INFO: RepositoryInfo = {
  name: NAME,
  repositoryId: "1".repeat(32) as RepositoryId,
  networkId: NETWORK,
  objectFormat: "sha1",
  head: "refs/heads/main",
  createdAtMs: 1,
  settings: DEFAULT_REPOSITORY_SETTINGS,
};

const LISTED: ListedRepository = { repository: INFO, lines: new Uint8Array([48, 48, 48, 48]) };

/** One node has the partition of the name, the other one all the rest. */
function twoNodes(): ManualTopology {
  const topology = new ManualTopology();
  const partitions = emptyTopology().partitions.map((_, partition) => ({
    primary: (partition === partitionOf(NAME) ? "names" : "networks") as NodeId,
    followers: [],
  }));
  topology.set({ ...emptyTopology(), nodes: NODES, partitions });
  return topology;
}

Deno.test("RoutedMetadata.findRepository() asks for a known name where it led", async () => {
  const topology = twoNodes();
  const asked: string[] = [];
  let answer: RepositoryInfo | undefined = INFO;
  const metadata = new RoutedMetadata({
    topology,
    clock: new ManualClock(),
    random: new SeededRandom(1),
    fetcherFor: () => (request) => {
      const { hostname, search } = new URL(request.url);
      asked.push(`${hostname}${search}`);
      const gone = new GitStratumError("not-found", "Find no such repository");
      return Promise.resolve(answer === undefined ? errorResponse(gone) : Response.json(answer));
    },
  });
  const hint = `?network=${INFO.networkId}&repository=${INFO.repositoryId}`;
  deepEqual(await metadata.findRepository(NAME), INFO);
  deepEqual(await metadata.findRepository(NAME), INFO);
  deepEqual(asked.splice(0), ["names", `networks${hint}`]);
  answer = undefined;
  equal(await metadata.findRepository(NAME), undefined);
  equal(await metadata.findRepository(NAME), undefined);
  deepEqual(asked.splice(0), [`networks${hint}`, "names"], "what was not found is not known");
  answer = INFO;
  await metadata.findRepository(NAME);
  answer = { ...INFO, repositoryId: "2".repeat(32) as RepositoryId };
  await metadata.findRepository(NAME);
  await metadata.findRepository(NAME);
  ok(asked.at(-1)!.endsWith(`repository=${"2".repeat(32)}`), "the newest answer is what is known");
});

Deno.test("RoutedMetadata.findListed() asks once for a name that is known, and looks up what is not there", async () => {
  const topology = twoNodes();
  const asked: string[] = [];
  let refusal: "not-found" | "unsupported" | undefined;
  const metadata = new RoutedMetadata({
    topology,
    clock: new ManualClock(),
    random: new SeededRandom(1),
    fetcherFor: () => (request) => {
      const { hostname, pathname } = new URL(request.url);
      const call = pathname.split("/").at(-1)!;
      asked.push(`${hostname} ${call}`);
      if (call !== "listed") return Promise.resolve(Response.json(INFO));
      if (refusal === undefined) return Promise.resolve(new Response(encodeListed(LISTED)));
      return Promise.resolve(errorResponse(new GitStratumError(refusal, "Refuse to list")));
    },
  });
  deepEqual(await metadata.findListed(NAME), { repository: INFO });
  deepEqual(asked.splice(0), ["names name"]);
  deepEqual(await metadata.findListed(NAME), LISTED);
  deepEqual(asked.splice(0), ["networks listed"]);
  for (refusal of ["not-found", "unsupported"] as const) {
    deepEqual(await metadata.findListed(NAME), { repository: INFO });
    deepEqual(asked.splice(0), ["networks listed", "networks name"]);
  }
});

Deno.test("KnownNames.note() forgets the name that was looked up longest ago", () => {
  const names = new KnownNames();
  const nameOf = (n: number) => parseRepositoryName(`owner/n${n}`);
  names.note(nameOf(0), INFO);
  for (let n = 1; n < KNOWN_NAME_COUNT_MAX; n++) names.note(nameOf(n), INFO);
  names.note(nameOf(0), INFO);
  names.note(nameOf(KNOWN_NAME_COUNT_MAX), INFO);
  equal(names.get(nameOf(1)), undefined);
  ok(names.get(nameOf(0)) !== undefined && names.get(nameOf(2)) !== undefined);
});
