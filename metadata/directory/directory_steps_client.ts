/**
 * {@link DirectorySteps} of another metadata node.
 *
 * @module
 */

import type { z } from "zod";
import { GitStratumError } from "@gitstratum/core";
import {
  type ClientOptions,
  type Fetcher,
  JsonClient,
  type RepositoryInfo,
  type RepositoryKey,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import type {
  Attributed,
  DirectorySteps,
  NameClaim,
  NameDebt,
  NameEntry,
  NewName,
  Removal,
} from "./directory_steps.ts";
import { DIRECTORY_PATH, DIRECTORY_STEP_SHAPES as SHAPES } from "./directory_wire.ts";
import type { NameState, RepositoryState } from "../partition/partition_view.ts";

/** Asks for the steps over the wire. */
export class DirectoryStepsClient implements DirectorySteps {
  readonly #client: JsonClient;

  /** Asks the node behind `fetcher`. */
  constructor(fetcher: Fetcher, options: ClientOptions) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** {@inheritDoc DirectorySteps.name} */
  async name(name: RepositoryName): Promise<NameState | undefined> {
    return (await this.#ask("name", { name }, SHAPES.name)).result;
  }

  /** {@inheritDoc DirectorySteps.claim} */
  async claim(claim: NameClaim): Promise<NameState> {
    return present((await this.#ask("claim", claim, SHAPES.claim)).result);
  }

  /** {@inheritDoc DirectorySteps.confirm} */
  async confirm(entry: NameEntry): Promise<void> {
    await this.#ask("confirm", entry, SHAPES.confirm);
  }

  /** {@inheritDoc DirectorySteps.release} */
  async release(entry: NameEntry): Promise<void> {
    await this.#ask("release", entry, SHAPES.release);
  }

  /** {@inheritDoc DirectorySteps.move} */
  async move(entry: NameClaim): Promise<void> {
    await this.#ask("move", entry, SHAPES.move);
  }

  /** {@inheritDoc DirectorySteps.repository} */
  async repository(key: RepositoryKey): Promise<RepositoryState | undefined> {
    return (await this.#ask("repository", key, SHAPES.repository)).result;
  }

  /** {@inheritDoc DirectorySteps.create} */
  async create(info: Attributed<RepositoryInfo>): Promise<RepositoryState> {
    const { provenance, ...rest } = info;
    const question = { info: rest, provenance };
    return present((await this.#ask("create", question, SHAPES.create)).result);
  }

  /** {@inheritDoc DirectorySteps.rename} */
  async rename(request: Attributed<NewName>): Promise<RepositoryState> {
    return present((await this.#ask("rename", request, SHAPES.rename)).result);
  }

  /** {@inheritDoc DirectorySteps.remove} */
  async remove(key: Attributed<RepositoryKey>): Promise<NameDebt> {
    return present((await this.#ask("remove", key, SHAPES.remove)).result);
  }

  /** {@inheritDoc DirectorySteps.restore} */
  async restore(request: Attributed<NewName>): Promise<RepositoryState> {
    return present((await this.#ask("restore", request, SHAPES.restore)).result);
  }

  /** {@inheritDoc DirectorySteps.purge} */
  async purge(removal: Removal): Promise<void> {
    await this.#ask("purge", removal, SHAPES.purge);
  }

  /** {@inheritDoc DirectorySteps.bar} */
  async bar(claim: NameClaim): Promise<boolean> {
    return present((await this.#ask("bar", claim, SHAPES.bar)).result);
  }

  /** {@inheritDoc DirectorySteps.settle} */
  async settle(debt: NameEntry): Promise<void> {
    await this.#ask("settle", debt, SHAPES.settle);
  }

  /** {@inheritDoc DirectorySteps.finish} */
  async finish(key: RepositoryKey): Promise<void> {
    await this.#ask("finish", key, SHAPES.finish);
  }

  #ask<A>(
    step: keyof DirectorySteps,
    question: unknown,
    shape: { readonly answer: z.ZodType<A> },
  ): Promise<A> {
    const call = { body: question, schema: shape.answer };
    return this.#client.call(`${DIRECTORY_PATH}/${step}`, call);
  }
}

/** An answer that must be there: another node may be of another release. */
function present<T>(result: T | undefined): T {
  if (result !== undefined) return result;
  throw new GitStratumError("unavailable", "Receive a step's answer without a result");
}
