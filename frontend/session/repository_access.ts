/**
 * Which repository a session works on: lookup for fetches, lookup or creation for pushes.
 *
 * Where the server allows it, a push to a name that nobody holds creates the repository. Nothing is
 * created for the advertisement: only a push that really brings references does.
 *
 * @module
 */

import { type Clock, GitStratumError, hasCode } from "@gitstratum/core";
import type { Pusher } from "@gitstratum/core/access";
import { isZeroOid, type ObjectFormat } from "@gitstratum/core/git";
import {
  type JudgedRepository,
  type Metadata,
  provenanceOf,
  type ReferenceCommand,
  type RepositoryInfo,
  type RepositoryName,
  type RepositorySettings,
  repositoryVersion,
} from "@gitstratum/core/rpc";

import { type AccessGate, creationAt } from "../access/access_gate.ts";
import type { Asker } from "../access/asker.ts";
import { RepositoryGate, type RepositoryQuestion } from "../access/repository_gate.ts";
import type { SessionCaller } from "./session.ts";
import { ToldRepositories } from "./told_repositories.ts";

/** What a push is directed at. */
export type PushTarget =
  | {
    readonly kind: "existing";
    readonly repository: RepositoryInfo;
    /** Its references as receive-pack lists them, where they came together with it. */
    readonly lines?: Uint8Array<ArrayBuffer>;
    /** What the push is judged by, where that was not looked up for it. */
    readonly judged?: JudgedRepository;
  }
  /** A free name on a server that creates repositories by push. */
  | { readonly kind: "absent"; readonly name: RepositoryName };

/** How repositories may be accessed. */
export interface RepositoryAccessOptions {
  readonly metadata: Metadata;
  /** Decides who may do what. */
  readonly gate: AccessGate;
  readonly clock: Pick<Clock, "nowMs" | "monotonicMs" | "sleep">;
  /** A push may create its repository. */
  readonly autoCreate: boolean;
  /** Pushes are refused. */
  readonly readOnly: boolean;
  /** Told of a repository that somebody may use, and does. */
  onUse?(name: RepositoryName): void;
}

const BRANCH_PREFIX = "refs/heads/";

/**
 * The default branch (without `refs/heads/`) that a first push suggests: `main` when it is pushed or
 * nothing else is, else `master`, else the first branch of the push.
 */
export function suggestedDefaultBranch(commands: readonly ReferenceCommand[]): string {
  const branches = commands
    .filter((command) => command.name.startsWith(BRANCH_PREFIX) && !isZeroOid(command.newOid))
    .map((command) => command.name.slice(BRANCH_PREFIX.length));
  if (branches.length === 0 || branches.includes("main")) return "main";
  return branches.includes("master") ? "master" : branches[0]!;
}

/** Who wants to fetch or push. */
export type SessionAsker =
  & Omit<RepositoryQuestion, "operation">
  & Pick<SessionCaller, "onMoved" | "onReading">;

function questionOf({ asker, signal }: SessionAsker): Omit<RepositoryQuestion, "operation"> {
  return { asker, ...(signal === undefined ? {} : { signal }) };
}

function tellOfMove(
  repository: RepositoryInfo,
  asked: RepositoryName,
  { onMoved }: Pick<SessionCaller, "onMoved">,
): void {
  if (repository.name !== asked) onMoved?.(repository.name);
}

/** Settings that are looked at when a push is decided, and not while its pack is taken in. */
const DECIDED_LATER: Partial<RepositorySettings> = {
  denyNonFastForwards: false,
  denyDeletes: false,
  denyDeleteCurrent: false,
  hiddenReferences: [],
  visibility: "private",
  protectedReferences: [],
  description: "",
  archived: false,
};

/** Whether two looks at a name found one repository that takes packs in by the same rules. */
function takesSamePacks(one: RepositoryInfo, other: RepositoryInfo): boolean {
  const rulesOf = ({ settings }: RepositoryInfo) =>
    repositoryVersion({ head: "", settings: { ...settings, ...DECIDED_LATER } });
  return one.repositoryId === other.repositoryId && rulesOf(one) === rulesOf(other);
}

/** Early, for people: whoever commits the push looks again. */
function refuseArchived({ name, settings }: RepositoryInfo): void {
  if (settings.archived !== true) return;
  throw new GitStratumError("denied", "Refuse a push to an archived repository", {
    data: { name },
  });
}

/** Looks repositories up for sessions. */
export class RepositoryAccess {
  readonly #options: RepositoryAccessOptions;
  readonly #repositories: RepositoryGate;
  readonly #told: ToldRepositories;

  /** Makes an access with fixed rules. */
  constructor(options: RepositoryAccessOptions) {
    this.#options = options;
    this.#repositories = new RepositoryGate(options);
    this.#told = new ToldRepositories(options.clock);
  }

  /**
   * The repository to fetch from.
   *
   * @throws `not-found`, `unauthenticated`, `denied`
   */
  async forFetch(name: RepositoryName, caller: SessionAsker): Promise<RepositoryInfo> {
    const question = questionOf(caller);
    const repository = await this.#repositories.find(name, { ...question, operation: "read" });
    tellOfMove(repository, name, caller);
    caller.onReading?.(() => this.#mayRead(repository, caller.asker));
    this.#options.onUse?.(repository.name);
    return repository;
  }

  /** By the roles of this moment; of the repository itself, what it was when it was looked up counts. */
  #mayRead(repository: RepositoryInfo, asker: Asker): boolean {
    const target = { on: "repository", operation: "read", repository } as const;
    return this.#options.gate.decide(asker.principal(), target).allowed;
  }

  /**
   * The repository to push to, or its free name.
   *
   * @throws `denied` on a read-only server, when the repository is archived, and to those who may only read; `unauthenticated`; `not-found`
   * when pushes create nothing here
   */
  forPush(name: RepositoryName, caller: SessionAsker): Promise<PushTarget> {
    return this.#forPush((name) => this.#options.metadata.findRepository(name), name, caller);
  }

  /**
   * The same, by what a push was told of the name a moment ago where that lets it through.
   *
   * @throws as {@link forPush}
   */
  async forToldPush(name: RepositoryName, caller: SessionAsker): Promise<PushTarget> {
    const told = this.#told.get(name);
    if (told === undefined || !this.#mayPush(told.repository, caller.asker)) {
      return await this.forPush(name, caller);
    }
    const { repository, judged } = told;
    tellOfMove(repository, name, caller);
    this.#options.onUse?.(repository.name);
    return { kind: "existing", repository, judged };
  }

  #mayPush(repository: RepositoryInfo, asker: Asker): boolean {
    if (this.#options.readOnly || repository.settings.archived === true) return false;
    const target = { on: "repository", operation: "write", repository } as const;
    return this.#options.gate.decide(asker.principal(), target).allowed;
  }

  /**
   * The repository of a push that was judged by something out of date, as it is now.
   *
   * @throws as {@link forPush}; `conflict` when what was done with the push would have been done in
   *   another way
   */
  async judgedAnew(before: RepositoryInfo, caller: SessionAsker): Promise<RepositoryInfo> {
    const { name } = before;
    this.#told.forget(name);
    const target = await this.forPush(name, caller);
    if (target.kind === "existing" && takesSamePacks(before, target.repository)) {
      return target.repository;
    }
    throw new GitStratumError("conflict", "Push again, the repository was changed meanwhile", {
      data: { name },
    });
  }

  /**
   * The same with the repository's references where they are at hand, for an advertisement.
   *
   * @throws as {@link forPush}
   */
  async forPushListed(name: RepositoryName, caller: SessionAsker): Promise<PushTarget> {
    let lines: Uint8Array<ArrayBuffer> | undefined;
    const lookUp = async (name: RepositoryName) => {
      const found = await this.#options.metadata.findListed(name);
      lines = found?.lines;
      return found?.repository;
    };
    const target = await this.#forPush(lookUp, name, caller);
    if (target.kind === "existing") this.#told.note(name, target.repository);
    else this.#told.forget(name);
    return target.kind === "existing" && lines !== undefined ? { ...target, lines } : target;
  }

  async #forPush(
    lookUp: (name: RepositoryName) => Promise<RepositoryInfo | undefined>,
    name: RepositoryName,
    caller: SessionAsker,
  ): Promise<PushTarget> {
    const { readOnly, autoCreate } = this.#options;
    if (readOnly) {
      throw new GitStratumError("denied", "Refuse a push to a read-only server");
    }
    const question = questionOf(caller);
    const repository = autoCreate
      ? await this.#repositories.findOrFreeBy(lookUp, name, question)
      : await this.#repositories.findBy(lookUp, name, { ...question, operation: "write" });
    if (repository === undefined) return { kind: "absent", name };
    refuseArchived(repository);
    tellOfMove(repository, name, caller);
    this.#options.onUse?.(repository.name);
    return { kind: "existing", repository };
  }

  /** The repository of a push that has begun; an absent one comes into being. */
  async materialise(
    target: PushTarget,
    push: {
      readonly objectFormat: ObjectFormat;
      readonly commands: readonly ReferenceCommand[];
      readonly caller: SessionCaller;
    },
  ): Promise<RepositoryInfo> {
    if (target.kind === "existing") return target.repository;
    const { name } = target;
    const { objectFormat, caller } = push;
    // They might when the push began, which may be a while ago.
    this.#options.gate.check(caller.asker.principal(), creationAt(name), { name });
    const defaultBranch = suggestedDefaultBranch(push.commands);
    try {
      this.#options.onUse?.(name);
      return await this.#options.metadata.createRepository({
        name,
        objectFormat,
        defaultBranch,
        provenance: provenanceOf(caller.asker.actor(), {
          ...caller,
          atMs: this.#options.clock.nowMs(),
        }),
      });
    } catch (error) {
      if (!hasCode(error, "already-exists")) throw error;
      // Another first push won the race; this one goes on as a push to what that one made.
      return await this.#repositories.find(name, { ...questionOf(caller), operation: "write" });
    }
  }

  /**
   * Who pushes, for whoever commits the push.
   *
   * @throws `unauthenticated`, `not-found`, `denied` when they may not push any more
   */
  pusher(repository: RepositoryInfo, asker: Asker): Pusher {
    return this.#options.gate.pusher(asker.principal(), repository);
  }
}
