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
import type { ReferenceOperation } from "../checks/reference_model.ts";
import { type Fork, type Place, rootPlace } from "./fork_book.ts";
import { ForkLife } from "./fork_life.ts";
import { TokenLife } from "./token_life.ts";
import { GitClient, type Heard, type Update } from "./git_client.ts";
import type { BookObject } from "./object_book.ts";
import { LISTING_WAYS } from "./reference_answers.ts";

const BRANCHES = ["main", "one", "two", "three"].map((name) => `refs/heads/${name}`);
/** A client that waited so long goes away. */
const PATIENCE_MS = 45_000;
const THINK_MS_MAX = 1800;

/** Probability that a client does what it is busy with. */
const BUSINESS = 0.7;

/** Something that a client may be busy with: lives of tokens, of forks, or of repositories. */
export type Business = "tokens" | "forks" | "names";

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
  /** A name that nobody had yet, which begins so. */
  readonly newName: (prefix: string) => string;
  /** All clients meet at the first of the lasting repositories. */
  readonly isCrowded: boolean;
  /** What clients do most of the time; undefined = all that they can. */
  readonly busyWith: Business | undefined;
}

/** What a repository shows. */
export type Listing = ReadonlyMap<string, string> | "gone";

/** A client. */
export class SimClient {
  readonly name: string;
  /** What it does to tokens. */
  readonly tokens: TokenLife;
  readonly #options: SimClientOptions;
  readonly #process: SimProcess;
  readonly #git: GitClient;
  readonly #life: ForkLife;
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
    this.#git = new GitClient(fetcher, {
      timeoutSignal: () => this.#patience(),
      token: () => options.record.tokens.master,
    });
    this.tokens = new TokenLife({ ...options, client: name, git: this.#git });
    this.#life = new ForkLife({ ...options, client: name, git: this.#git });
  }

  /** Works until it is told to stop, and what runs has ended. */
  async run(): Promise<void> {
    this.#isStopping = false;
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
  async list(frontend: string, place: Place): Promise<Listing | undefined> {
    const { record, random } = this.#options;
    const way = LISTING_WAYS[random.below(LISTING_WAYS.length)]!;
    const begin = record.networks.tick();
    const heard = await this.#git.listReferences(frontend, place.name, { way });
    const who = `${this.name} ${frontend}`;
    switch (heard.kind) {
      case "answer":
        this.#note(place, { what: { kind: "list", references: heard.value }, who, begin });
        return heard.value;
      case "refused":
        record.heardNothing(`${this.name} lists ${place.name} at ${frontend}`, heard);
        if (heard.status !== 404) return undefined;
        // A name that was perhaps given up leads nowhere for good reasons.
        if (!isUnsure(place)) this.#note(place, { what: undefined, who, begin });
        return "gone";
      case "unknown":
        record.heardNothing(`${this.name} lists ${place.name} at ${frontend}`, heard);
        return undefined;
    }
  }

  /** Fetches objects that references show, and checks what comes; false when nothing whole came. */
  async fetch(
    frontend: string,
    { name: repository }: Place,
    wants: readonly string[],
  ): Promise<boolean> {
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

  /** Lets time pass. */
  async sleep(ms: number): Promise<void> {
    await this.#process.clock.sleep(ms);
  }

  async #act(): Promise<void> {
    const { random, busyWith } = this.#options;
    const place = this.#place();
    const frontend = this.#frontend();
    if (busyWith !== undefined && random.chance(BUSINESS)) {
      switch (busyWith) {
        case "tokens":
          return await this.tokens.act(frontend, place.name);
        case "forks":
          return await this.#life.act(frontend, place);
        case "names":
          return await this.#rename();
      }
    }
    const lot = random.below(100);
    if (lot < 42) await this.#push(place);
    else if (lot < 60) await this.list(this.#frontend(), place);
    else if (lot < 69) await this.#clone(place);
    else if (lot < 73) await this.#pry(place);
    else if (lot < 77) await this.#steal(place);
    else if (lot < 83) await this.tokens.act(frontend, place.name);
    else if (lot < 93) await this.#life.act(frontend, place);
    else await this.#rename();
  }

  /** One of the lasting repositories, or a fork. */
  #place(): Place {
    const { random, lasting, record, isCrowded } = this.#options;
    if (isCrowded) return rootPlace(lasting[0]!);
    const fork = random.chance(0.4) ? record.forks.pick(random, isLiving) : undefined;
    return fork ?? rootPlace(lasting[random.below(lasting.length)]!);
  }

  async #clone(place: Place): Promise<void> {
    const references = await this.list(this.#frontend(), place);
    if (references === undefined || references === "gone") return;
    await this.fetch(this.#frontend(), place, [...new Set(references.values())]);
  }

  async #push(place: Place): Promise<void> {
    const { random, record } = this.#options;
    const frontend = this.#frontend();
    const known = await this.list(frontend, place);
    if (known === undefined || known === "gone") return;
    const objects: BookObject[] = [];
    const updates = this.#branches().map((name): Update => {
      const old = known.get(name);
      if (old !== undefined && random.chance(0.25)) return { name, old, new: undefined };
      const parents = old === undefined || random.chance(0.1)
        ? [...known.values()].slice(0, 1)
        : [old];
      if (random.chance(0.15)) parents.push(...this.#tipElsewhere(place));
      const made = record.book.commit(parents, random.below(random.chance(0.05) ? 40_000 : 400));
      objects.push(...made, ...record.book.between(parents, known.values()));
      return { name, old, new: made[0]!.oid };
    });
    await this.#send(frontend, place, { updates, objects, atomic: random.chance(0.5) });
  }

  /** A commit of another repository of the network, to be merged. */
  #tipElsewhere(place: Place): readonly string[] {
    const { record, random } = this.#options;
    const tip = record.tipOf(place.network, random);
    return tip === undefined ? [] : [tip];
  }

  async #send(
    frontend: string,
    place: Place,
    push: {
      readonly updates: readonly Update[];
      readonly objects: readonly BookObject[];
      readonly atomic: boolean;
    },
  ): Promise<Heard<ReadonlyMap<string, string | undefined>>> {
    const { record } = this.#options;
    const { updates, atomic } = push;
    const tips = updates.flatMap((update) => update.new ?? []);
    using _intent = record.intend(place.id, tips);
    const begin = record.networks.tick();
    const heard = await this.#git.push(frontend, place.name, push);
    const who = `${this.name} ${frontend}`;
    if (heard.kind === "answer") {
      const rejections = updates.map(({ name }) => heard.value.get(name));
      const what = { kind: "push", updates, atomic, rejections } as const;
      record.pushed(what);
      this.#note(place, { what, who, begin });
    } else {
      record.heardNothing(`${who} pushes to ${place.name}`, heard);
      const what = { kind: "push", updates, atomic } as const;
      if (heard.kind === "unknown") this.#note(place, { what, who, begin, end: Infinity });
    }
    return heard;
  }

  /** Writes down what was done to references. */
  #note(
    { id: repository, network }: Place,
    heard: {
      readonly what: ReferenceOperation | undefined;
      readonly who: string;
      readonly begin: number;
      readonly end?: number;
    },
  ): void {
    const { networks } = this.#options.record;
    const { what, who, begin, end = networks.tick() } = heard;
    networks.add(network, { what: { kind: "references", repository, what }, who, begin, end });
  }

  /** Asks for what the repository does not reach: an object of another one, or of a push that failed. */
  async #pry({ id, name }: Place): Promise<void> {
    const { record } = this.#options;
    const secret = record.secretOf(id, this.#options.random);
    if (secret === undefined) return;
    const heard = await this.#git.fetchPack(this.#frontend(), name, [secret]);
    if (heard.kind === "answer") record.leaked(`${this.name} gets ${secret} from ${name}`);
  }

  /** Lets a branch point at what the repository does not reach, without sending it. */
  async #steal(place: Place): Promise<void> {
    const { record, random } = this.#options;
    const secret = record.secretOf(place.id, random);
    if (secret === undefined) return;
    const name = `refs/heads/stolen-${secret.slice(0, 8)}`;
    const updates = [{ name, old: undefined, new: secret }];
    const push = { updates, objects: [], atomic: false };
    const heard = await this.#git.push(this.#frontend(), place.name, push);
    const isTaken = heard.kind === "answer" && heard.value.get(name) === undefined;
    if (isTaken) record.leaked(`${this.name} takes ${secret} into ${place.name}`);
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

function isLiving(fork: Fork): boolean {
  return fork.isLiving;
}

function isUnsure(place: Place | Fork): boolean {
  return "isNameSure" in place && !place.isNameSure;
}
