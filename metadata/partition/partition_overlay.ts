/**
 * A partition's state under records that were decided but are not appended yet: what the next
 * decision of the same batch is made from.
 *
 * @module
 */

import {
  DEFAULT_REPOSITORY_SETTINGS,
  type PushId,
  type RepositoryId,
  type RepositoryName,
  type RequestId,
} from "@gitstratum/core/rpc";
import { HiddenReferences } from "@gitstratum/core/git";
import type { ForkSource, LogRecord, PushRecord } from "../log/log_record.ts";
import type {
  NameState,
  PartitionView,
  PushOutcome,
  ReferenceView,
  RepositoryState,
} from "./partition_view.ts";
import { ReferenceOverlay } from "../decision/reference_overlay.ts";

/** What is noted of a request that is no push. */
const DONE: PushOutcome = { commandCount: 0, rejections: [] };

type RestoredRecord = LogRecord & { readonly kind: "repository-restored" };

/** A {@link PartitionView} to which records are added. */
export class PartitionOverlay implements PartitionView {
  readonly #base: PartitionView;
  readonly #repositories = new Map<RepositoryId, RepositoryState>();
  readonly #names = new Map<RepositoryName, NameState | undefined>();
  readonly #references = new Map<RepositoryId, ReferenceOverlay>();
  readonly #pushes = new Map<string, PushOutcome>();

  /** Makes an overlay without records. */
  constructor(base: PartitionView) {
    this.#base = base;
  }

  /** {@inheritDoc PartitionView.repository} */
  repository(id: RepositoryId): RepositoryState | undefined {
    return this.#repositories.get(id) ?? this.#base.repository(id);
  }

  /** {@inheritDoc PartitionView.name} */
  name(name: RepositoryName): NameState | undefined {
    return this.#names.has(name) ? this.#names.get(name) : this.#base.name(name);
  }

  /** {@inheritDoc PartitionView.references} */
  references(id: RepositoryId): ReferenceView {
    return this.#references.get(id) ?? this.#base.references(id);
  }

  /** {@inheritDoc PartitionView.pushOutcome} */
  pushOutcome(id: RepositoryId, pushId: PushId): PushOutcome | undefined {
    return this.#pushes.get(`${id}/${pushId}`) ?? this.#base.pushOutcome(id, pushId);
  }

  /** {@inheritDoc PartitionView.isDone} */
  isDone(id: RepositoryId, requestId: RequestId): boolean {
    return this.#pushes.has(`${id}/${requestId}`) || this.#base.isDone(id, requestId);
  }

  /** Makes a record part of the state. */
  add(record: LogRecord): void {
    if ("requestId" in record && record.requestId !== undefined) {
      this.#pushes.set(`${record.repositoryId}/${record.requestId}`, DONE);
    }
    switch (record.kind) {
      case "name-claimed":
        this.#claim(record);
        break;
      case "name-confirmed":
        this.#confirm(record.name, record.repositoryId);
        break;
      case "name-released":
        if (this.name(record.name)?.repositoryId === record.repositoryId) {
          this.#names.set(record.name, undefined);
        }
        break;
      case "name-moved":
        this.#move(record);
        break;
      case "repository-created":
        this.#create(record);
        break;
      case "repository-renamed": {
        const { name, version: nameVersion } = record;
        this.#amend(record.repositoryId, { name, nameVersion });
        break;
      }
      case "repository-removed": {
        const { atMs: removedAtMs, version: nameVersion } = record;
        this.#amend(record.repositoryId, { deleted: true, removedAtMs, nameVersion });
        break;
      }
      case "repository-restored":
        this.#restore(record);
        break;
      case "name-version-raised":
        this.#amend(record.repositoryId, { nameVersion: record.version });
        break;
      case "repository-deleted":
        this.#delete(record);
        break;
      case "head-changed":
        this.#amend(record.repositoryId, { head: record.head });
        break;
      case "settings-changed":
        this.#amend(record.repositoryId, { settings: record.settings });
        break;
      case "push":
        this.#push(record);
        break;
      case "name-settled":
      case "request-noted":
      case "groups-freed":
      case "deletion-finished":
      case "webhooks-told":
      case "snapshot-taken":
      case "spilled":
        // None of them changes anything that a decision looks at.
        break;
    }
  }

  #claim(record: LogRecord & { readonly kind: "name-claimed" }): void {
    const { name, repositoryId, networkId, version = 0, atMs } = record;
    const claimed = { name, repositoryId, networkId, version, atMs };
    this.#names.set(name, { ...claimed, confirmed: false, moved: false });
  }

  #move({ name, repositoryId, atMs }: LogRecord & { readonly kind: "name-moved" }): void {
    const state = this.name(name);
    if (state?.repositoryId !== repositoryId) return;
    this.#names.set(name, { ...state, confirmed: false, moved: true, atMs });
  }

  #restore({ repositoryId, name, version }: RestoredRecord): void {
    const known = this.repository(repositoryId);
    if (known === undefined) return;
    const { removedAtMs: _, ...kept } = known;
    const restored = { ...kept, name, nameVersion: version, deleted: false };
    this.#repositories.set(repositoryId, restored);
  }

  #create(record: LogRecord & { readonly kind: "repository-created" }): void {
    const { repositoryId, networkId, name, objectFormat, head, atMs, fork } = record;
    if (fork !== undefined) this.#copyReferences(fork, repositoryId);
    this.#repositories.set(repositoryId, {
      repositoryId,
      networkId,
      name,
      objectFormat,
      head,
      createdAtMs: atMs,
      settings: record.settings ?? DEFAULT_REPOSITORY_SETTINGS,
      refsVersion: 0,
      nameVersion: 0,
      deleted: false,
      ...(fork === undefined ? {} : { parentId: fork.parentId }),
    });
  }

  /** What the parent has at this moment; later changes of either are not the other's. */
  #copyReferences(fork: ForkSource, repositoryId: RepositoryId): void {
    const hidden = new HiddenReferences(fork.hiddenReferences);
    const parent = this.references(fork.parentId);
    const references = new ReferenceOverlay(this.#base.references(repositoryId));
    for (const name of parent.namesBelow("refs")) {
      if (!hidden.hides(name)) references.set(name, parent.get(name));
    }
    this.#references.set(repositoryId, references);
  }

  #confirm(name: RepositoryName, repositoryId: RepositoryId): void {
    const state = this.name(name);
    if (state?.repositoryId !== repositoryId) return;
    this.#names.set(name, { ...state, confirmed: true, moved: false });
  }

  #delete(record: LogRecord & { readonly kind: "repository-deleted" }): void {
    const { repositoryId, networkId, name, atMs } = record;
    const barred: RepositoryState = {
      repositoryId,
      networkId,
      name,
      objectFormat: "sha1",
      head: "",
      createdAtMs: atMs,
      settings: DEFAULT_REPOSITORY_SETTINGS,
      refsVersion: 0,
      nameVersion: 0,
      deleted: true,
    };
    const known = this.repository(repositoryId);
    if (known === undefined) {
      this.#repositories.set(repositoryId, barred);
      return;
    }
    const { removedAtMs: _, ...kept } = known;
    this.#repositories.set(repositoryId, { ...kept, deleted: true });
  }

  #amend(id: RepositoryId, change: Partial<RepositoryState>): void {
    const known = this.repository(id);
    if (known !== undefined) this.#repositories.set(id, { ...known, ...change });
  }

  #push(record: PushRecord): void {
    let references = this.#references.get(record.repositoryId);
    if (references === undefined) {
      references = new ReferenceOverlay(this.#base.references(record.repositoryId));
      this.#references.set(record.repositoryId, references);
    }
    for (const update of record.updates) references.set(update.name, update.new);
    const { commandCount, rejections } = record;
    this.#pushes.set(`${record.repositoryId}/${record.pushId}`, { commandCount, rejections });
  }
}
