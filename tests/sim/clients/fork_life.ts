/**
 * What a client does to the life of repositories: it forks them, gives forks other names, deletes them,
 * brings them back and removes them for good.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { LifeStep } from "../checks/network_model.ts";
import type { RunRecord } from "../checks/run_record.ts";
import type { Fork, Place } from "./fork_book.ts";
import type { GitClient, Heard } from "./git_client.ts";

/** What it works with. */
export interface ForkLifeOptions {
  /** Who does it. */
  readonly client: string;
  readonly git: GitClient;
  readonly record: RunRecord;
  readonly random: SeededRandom;
  /** A name that nobody had yet, which begins so. */
  readonly newName: (prefix: string) => string;
}

/** Forks that live and have lived, of one network. */
const FORK_COUNT_MAX = 3;

/** Lives of forks. */
export class ForkLife {
  readonly #options: ForkLifeOptions;

  /** Makes it. */
  constructor(options: ForkLifeOptions) {
    this.#options = options;
  }

  /** Does something to some fork of the network of a place, which may become the parent of one. */
  async act(frontend: string, place: Place): Promise<void> {
    const { record, random } = this.#options;
    const forks = record.forks.all.filter(({ network }) => network === place.network);
    const fork = forks[random.below(forks.length + 1)];
    if (fork === undefined) {
      if (forks.length < FORK_COUNT_MAX) await this.#fork(frontend, place);
    } else if (!fork.isLiving) {
      if (random.chance(0.6)) await this.#restore(frontend, fork);
      else await this.#purge(frontend, fork);
    } else if (random.chance(0.4)) await this.#rename(frontend, fork);
    else await this.#delete(frontend, fork);
  }

  async #fork(frontend: string, parent: Place): Promise<void> {
    const { git, record, newName } = this.#options;
    const id = newName("sim/fork");
    const heard = await this.#note(
      { kind: "fork", repository: id, parent: parent.id },
      { frontend, place: { ...parent, id } },
      () => git.forkRepository(frontend, parent.name, id),
    );
    // One whose making nobody told of may be there: others find out.
    if (heard.kind !== "refused") record.forks.add({ id, network: parent.network });
  }

  async #delete(frontend: string, fork: Fork): Promise<void> {
    const { git } = this.#options;
    const heard = await this.#note(
      { kind: "delete", repository: fork.id },
      { frontend, place: fork },
      () => git.deleteRepository(frontend, fork.name),
    );
    if (heard.kind !== "unknown") fork.isLiving = false;
  }

  async #restore(frontend: string, fork: Fork): Promise<void> {
    const { git } = this.#options;
    const heard = await this.#note(
      { kind: "restore", repository: fork.id },
      { frontend, place: fork },
      () => git.restoreRepository(frontend, fork.name),
    );
    if (heard.kind === "answer") fork.isLiving = true;
  }

  async #purge(frontend: string, fork: Fork): Promise<void> {
    const { git, record } = this.#options;
    const heard = await this.#note(
      { kind: "purge", repository: fork.id },
      { frontend, place: fork },
      () => git.purgeRepository(frontend, fork.name),
    );
    if (heard.kind === "answer") record.forks.forget(fork);
  }

  async #rename(frontend: string, fork: Fork): Promise<void> {
    const { git, newName, record, client } = this.#options;
    const name = newName("sim/moved");
    const heard = await git.renameRepository(frontend, fork.name, name);
    if (heard.kind === "answer") fork.name = name;
    else record.heardNothing(`${client} ${frontend} would rename ${fork.name}`, heard);
    if (heard.kind === "unknown") fork.isNameSure = false;
  }

  /** Does something and writes down what was heard; a refusal says nothing of what is. */
  async #note(
    what: LifeStep,
    where: { readonly frontend: string; readonly place: Place },
    ask: () => Promise<Heard<string>>,
  ): Promise<Heard<string>> {
    const { record, client } = this.#options;
    const { networks } = record;
    const { frontend, place } = where;
    const begin = networks.tick();
    const heard = await ask();
    const end = heard.kind === "answer" ? networks.tick() : Infinity;
    const who = `${client} ${frontend}`;
    if (heard.kind !== "answer") {
      record.heardNothing(`${who} would ${what.kind} ${place.id}`, heard);
    }
    if (heard.kind === "answer") record.counts.lives++;
    if (heard.kind !== "refused") networks.add(place.network, { what, who, begin, end });
    return heard;
  }
}
