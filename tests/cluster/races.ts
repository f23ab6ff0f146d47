/**
 * Clients that race: several push different commits to a new branch at one time, through different
 * frontends, again and again. Of each race one push may win, at most, whatever dies meanwhile.
 *
 * @module
 */

import assert from "node:assert/strict";
import { git, gitText } from "../harness/git.ts";
import type { PickUrl } from "./traffic.ts";

/** Pushes in one race. */
const RACER_COUNT = 3;

/** One branch, and what was pushed to it. */
interface Race {
  readonly branch: string;
  readonly oids: readonly string[];
  /** Those that git called accepted. */
  readonly winners: readonly string[];
}

/** Races in one repository. */
export class Races {
  readonly #repository: string;
  readonly #work: string;
  readonly #pick: PickUrl;
  readonly #races: Race[] = [];
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(parts: {
    readonly repository: string;
    readonly work: string;
    readonly pick: PickUrl;
  }) {
    this.#repository = parts.repository;
    this.#work = parts.work;
    this.#pick = parts.pick;
  }

  /** Begins; commits are made in a work tree of the caller's. */
  static start(
    repository: string,
    options: { readonly work: string; readonly pick: PickUrl },
  ): Races {
    const races = new Races({ repository, ...options });
    races.#running = races.#run();
    return races;
  }

  /** Lets the race that is on finish. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Holds what a server shows at the end against what it acknowledged; tells how many races. */
  async check(url: string): Promise<number> {
    const listed = await gitText(["ls-remote", url, "refs/heads/race/*"]);
    const tips = new Map(
      listed.split("\n").map((line) => {
        const [oid = "", name = ""] = line.split("\t");
        return [name, oid];
      }),
    );
    for (const { branch, oids, winners } of this.#races) {
      const tip = tips.get(branch);
      assert.ok(winners.length <= 1, `${branch} was won by ${winners}`);
      // The answer to the winner may have been lost; then nobody knows, but one of them it was.
      if (tip !== undefined) assert.ok(oids.includes(tip), `${branch} is at ${tip}`);
      if (winners.length === 1) assert.equal(tip, winners[0], branch);
    }
    return this.#races.length;
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      const branch = `refs/heads/race/${number}`;
      const oids: string[] = [];
      for (let racer = 0; racer < RACER_COUNT; racer++) {
        oids.push(await this.#commit(`race ${number} racer ${racer}`));
      }
      const outcomes = await Promise.all(oids.map((oid, racer) => this.#push(oid, branch, racer)));
      const winners = oids.filter((_, racer) => outcomes[racer]);
      this.#races.push({ branch, oids, winners });
    }
  }

  /** A commit of the empty tree, which leaves the work tree alone. */
  async #commit(message: string): Promise<string> {
    const tree = await gitText(["-C", this.#work, "mktree"], { stdin: "" });
    return await gitText(["-C", this.#work, "commit-tree", tree, "-m", message]);
  }

  async #push(oid: string, branch: string, racer: number): Promise<boolean> {
    const url = this.#pick(this.#repository, racer);
    const { code } = await git(
      ["-C", this.#work, "push", "-q", url, `${oid}:${branch}`],
      { anyExit: true },
    );
    return code === 0;
  }
}
