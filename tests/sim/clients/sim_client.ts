/**
 * A person with a git client: pushes, lists, fetches, creates and deletes, at frontends taken by lot,
 * and writes down what was heard.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { RunRecord } from "../checks/run_record.ts";
import { SimProcess } from "../world/sim_process.ts";
import type { SimNetwork } from "../world/sim_network.ts";
import { GitClient, type Update } from "./git_client.ts";
import type { BookObject } from "./object_book.ts";

const BRANCHES = ["main", "one", "two", "three"].map((name) => `refs/heads/${name}`);
/** A client that waited so long goes away. */
const PATIENCE_MS = 45_000;
const THINK_MS_MAX = 1800;

/** Where a client is. */
export interface SimClientOptions {
  readonly network: SimNetwork;
  readonly record: RunRecord;
  readonly random: SeededRandom;
  readonly frontends: readonly string[];
  /** Repositories that live through the whole run. */
  readonly lasting: readonly string[];
  /** Names whose repositories come and go. */
  readonly passing: readonly string[];
}

/** A client. */
export class SimClient {
  readonly name: string;
  readonly #options: SimClientOptions;
  readonly #process: SimProcess;
  readonly #git: GitClient;
  #isStopping = false;

  /** Makes a client on a host of its own. */
  constructor(name: string, options: SimClientOptions) {
    const { network } = options;
    this.name = name;
    this.#options = options;
    const machine = { wallOffsetMs: 0, rate: 1 };
    this.#process = new SimProcess(name, { loop: network.loop, machine });
    network.add({ name, clock: machine, listener: undefined });
    const fetcher = network.fetcherOf(this.#process, name, { repeatable: false });
    this.#git = new GitClient(fetcher, () => this.#patience());
  }

  /** Works until it is told to stop, and what runs has ended. */
  async run(): Promise<void> {
    while (!this.#isStopping) {
      await this.#process.clock.sleep(this.#options.random.below(THINK_MS_MAX));
      if (!this.#isStopping) await this.#act();
    }
  }

  /** Lets the client end after what it does now. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Lists a repository and writes it down; undefined when nothing was heard. */
  async list(
    frontend: string,
    repository: string,
  ): Promise<ReadonlyMap<string, string> | undefined> {
    const { record } = this.#options;
    const { references } = record;
    const begin = references.tick();
    const heard = await this.#git.listReferences(frontend, repository);
    if (heard.kind !== "answer") {
      record.heardNothing(`${this.name} lists ${repository} at ${frontend}`, heard);
      return undefined;
    }
    const what = { kind: "list", references: heard.value } as const;
    references.add(repository, {
      what,
      who: `${this.name} ${frontend}`,
      begin,
      end: references.tick(),
    });
    return heard.value;
  }

  /** Fetches objects that references show, and checks what comes; false when nothing whole came. */
  async fetch(frontend: string, repository: string, wants: readonly string[]): Promise<boolean> {
    if (wants.length === 0) return true;
    const { record } = this.#options;
    const heard = await this.#git.fetchPack(frontend, repository, wants);
    const who = `${this.name} fetches ${repository} at ${frontend}`;
    if (heard.kind === "answer") record.checkPack(who, wants, heard.value);
    else record.heardNothing(who, heard);
    return heard.kind === "answer";
  }

  /** Creates a repository that shall last; asks until it is there. */
  async found(repository: string): Promise<void> {
    for (;;) {
      const heard = await this.#git.createRepository(this.#frontend(), repository);
      if (heard.kind === "answer" || (heard.kind === "refused" && heard.status === 409)) return;
      await this.#process.clock.sleep(THINK_MS_MAX);
    }
  }

  async #act(): Promise<void> {
    const { random, lasting } = this.#options;
    const repository = lasting[random.below(lasting.length)]!;
    const lot = random.below(100);
    if (lot < 50) await this.#push(repository);
    else if (lot < 75) await this.list(this.#frontend(), repository);
    else if (lot < 83) await this.#clone(repository);
    else if (lot < 90) await this.#pry(repository);
    else await this.#rename();
  }

  async #clone(repository: string): Promise<void> {
    const references = await this.list(this.#frontend(), repository);
    if (references === undefined) return;
    await this.fetch(this.#frontend(), repository, [...new Set(references.values())]);
  }

  async #push(repository: string): Promise<void> {
    const { random, record } = this.#options;
    const frontend = this.#frontend();
    const known = await this.list(frontend, repository);
    if (known === undefined) return;
    const objects: BookObject[] = [];
    const updates = this.#branches().map((name): Update => {
      const old = known.get(name);
      if (old !== undefined && random.chance(0.15)) return { name, old, new: undefined };
      const parents = old === undefined || random.chance(0.1)
        ? [...known.values()].slice(0, 1)
        : [old];
      const made = record.book.commit(parents, random.below(random.chance(0.05) ? 40_000 : 400));
      objects.push(...made);
      return { name, old, new: made[0]!.oid };
    });
    const atomic = random.chance(0.5);
    const { references } = record;
    const begin = references.tick();
    const heard = await this.#git.push(frontend, repository, { updates, objects, atomic });
    const who = `${this.name} ${frontend}`;
    if (heard.kind === "answer") {
      const rejections = updates.map(({ name }) => heard.value.get(name));
      const what = { kind: "push", updates, atomic, rejections } as const;
      record.pushed(what);
      references.add(repository, { what, who, begin, end: references.tick() });
    } else {
      record.heardNothing(`${who} pushes to ${repository}`, heard);
      if (heard.kind === "refused") return;
      const what = { kind: "push", updates, atomic } as const;
      references.add(repository, { what, who, begin, end: Infinity });
    }
  }

  /** Asks for what the repository does not reach: an object of another one, or of a push that failed. */
  async #pry(repository: string): Promise<void> {
    const { record } = this.#options;
    const secret = record.secretOf(repository, this.#options.random);
    if (secret === undefined) return;
    const heard = await this.#git.fetchPack(this.#frontend(), repository, [secret]);
    if (heard.kind === "answer") record.leaked(`${this.name} gets ${secret} from ${repository}`);
  }

  /** Creates, deletes or looks up a repository that comes and goes. */
  async #rename(): Promise<void> {
    const { random, record, passing } = this.#options;
    const name = passing[random.below(passing.length)]!;
    const kind = (["create", "delete", "find"] as const)[random.below(3)]!;
    const frontend = this.#frontend();
    const begin = record.names.tick();
    const heard = await this.#ask(kind, frontend, name);
    const end = record.names.tick();
    const who = `${this.name} ${frontend}`;
    if (heard.kind === "answer") {
      record.names.add(name, { what: { kind, heard: { id: heard.value } }, who, begin, end });
    } else if (heard.kind === "refused" && (heard.status === 404 || heard.status === 409)) {
      record.names.add(name, { what: { kind, heard: { id: undefined } }, who, begin, end });
    } else {
      record.heardNothing(`${who} would ${kind} ${name}`, heard);
      if (kind !== "find") record.names.add(name, { what: { kind }, who, begin, end: Infinity });
    }
  }

  #ask(kind: "create" | "delete" | "find", frontend: string, name: string) {
    switch (kind) {
      case "create":
        return this.#git.createRepository(frontend, name);
      case "delete":
        return this.#git.deleteRepository(frontend, name);
      case "find":
        return this.#git.findRepository(frontend, name);
    }
  }

  /** One to three branches. */
  #branches(): string[] {
    const { random } = this.#options;
    const count = random.chance(0.6) ? 1 : 2 + random.below(2);
    const start = random.below(BRANCHES.length);
    return BRANCHES.map((_, index) => BRANCHES[(start + index) % BRANCHES.length]!).slice(0, count);
  }

  #frontend(): string {
    const { frontends, random } = this.#options;
    return frontends[random.below(frontends.length)]!;
  }

  #patience(): AbortSignal {
    const late = new AbortController();
    void this.#process.clock.sleep(PATIENCE_MS).then(() =>
      late.abort(new DOMException("The client waited long enough", "TimeoutError"))
    );
    return late.signal;
  }
}
