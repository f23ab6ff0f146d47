/**
 * The command line, and the sizes of a run.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** How much of everything; each can be changed by `--set name=number`. */
export interface BenchSizes {
  /** Commits of the generated repository. */
  readonly generatedCommits: number;
  /** Bytes of the repository for fetches and for the mixed load. */
  readonly largeBytes: number;
  /** Repetitions of a clone; the median counts. */
  readonly repetitions: number;
  /** Clones at a time in a storm. */
  readonly stormClones: number;
  /** References of the repository whose listing is measured. */
  readonly references: number;
  /** Listings, fetches and pushes of which the median is told. */
  readonly samples: number;
  /** Clients that push at the same time. */
  readonly pushClients: number;
  /** Pushes of each of them. */
  readonly pushesPerClient: number;
  /** Clones at a time while a push runs. */
  readonly mixedClones: number;
  /** Small repositories in one process. */
  readonly manyRepositories: number;
  /** Nodes of each kind in a cluster; it has two frontends. */
  readonly clusterNodes: number;
}

/** Sizes of a real run. */
export const FULL_SIZES: BenchSizes = {
  generatedCommits: 6000,
  largeBytes: 500_000_000,
  repetitions: 3,
  stormClones: 64,
  references: 500_000,
  samples: 50,
  pushClients: 16,
  pushesPerClient: 50,
  mixedClones: 32,
  manyRepositories: 100_000,
  clusterNodes: 3,
};

/** Sizes that only show that everything works. */
export const TINY_SIZES: BenchSizes = {
  generatedCommits: 30,
  largeBytes: 3_000_000,
  repetitions: 1,
  stormClones: 4,
  references: 300,
  samples: 3,
  pushClients: 3,
  pushesPerClient: 2,
  mixedClones: 3,
  manyRepositories: 10,
  clusterNodes: 1,
};

/** A parsed command line. */
export interface BenchOptions {
  readonly repositories: readonly string[];
  /** Names of benchmarks; all when empty. */
  readonly only: readonly string[];
  readonly tiny: boolean;
  readonly sizes: BenchSizes;
  readonly json?: string;
  readonly svg?: string;
  readonly scratch?: string;
  /** The command line as others can repeat it: without directories. */
  readonly command: string;
}

function sizesOf(tiny: boolean, changes: readonly string[]): BenchSizes {
  const sizes: Record<string, number> = { ...(tiny ? TINY_SIZES : FULL_SIZES) };
  for (const change of changes) {
    const [name, value] = change.split("=");
    const number = Number(value);
    if (!(name! in sizes) || !Number.isInteger(number) || number < 1) {
      throw new Error(`--set takes NAME=NUMBER with one of ${Object.keys(sizes).join(", ")}`);
    }
    sizes[name!] = number;
  }
  return sizes as unknown as BenchSizes;
}

/** The last part of a path, without `.git`. */
export function labelOf(path: string): string {
  return path.replace(/\/+$/, "").replace(/^.*\//, "").replace(/\.git$/, "");
}

/** Parses arguments. @throws when they are wrong */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      repository: { type: "string", multiple: true, default: [] },
      only: { type: "string", multiple: true, default: [] },
      set: { type: "string", multiple: true, default: [] },
      tiny: { type: "boolean", default: false },
      json: { type: "string" },
      svg: { type: "string" },
      scratch: { type: "string" },
    },
  });
  const words = [
    ...(values.tiny ? ["--tiny"] : []),
    ...values.repository.map((path) => `--repository ${labelOf(path)}.git`),
    ...values.only.map((name) => `--only ${name}`),
    ...values.set.map((change) => `--set ${change}`),
  ];
  return {
    repositories: values.repository,
    only: values.only,
    tiny: values.tiny,
    sizes: sizesOf(values.tiny, values.set),
    command: ["deno task bench", ...words].join(" "),
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(values.svg === undefined ? {} : { svg: values.svg }),
    ...(values.scratch === undefined ? {} : { scratch: values.scratch }),
  };
}
