import { equal } from "node:assert/strict";
import { ManualClock, TOLD_REPOSITORY_COUNT_MAX, TOLD_REPOSITORY_MS_MAX } from "@gitstratum/core";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  parseRepositoryName,
  type RepositoryInfo,
  repositoryVersion,
} from "@gitstratum/core/rpc";
import { ToldRepositories } from "./told_repositories.ts";

function named(name: string, head = "refs/heads/main"): RepositoryInfo {
  const settings = DEFAULT_REPOSITORY_SETTINGS;
  return { name: parseRepositoryName(name), head, settings } as RepositoryInfo;
}

const NAME = parseRepositoryName("acme/thing");

Deno.test("ToldRepositories.get() gives what was told last, and what that says of itself", () => {
  const told = new ToldRepositories(new ManualClock(1000));
  equal(told.get(NAME), undefined);
  told.note(NAME, named("acme/thing"));
  const moved = named("acme/moved", "refs/heads/other");
  told.note(NAME, moved);
  equal(told.get(NAME)?.repository, moved);
  equal(told.get(NAME)?.judged.name, "acme/moved");
  equal(told.get(NAME)?.judged.version, repositoryVersion(moved));
  told.forget(NAME);
  equal(told.get(NAME), undefined);
});

Deno.test("ToldRepositories.get() gives nothing that is older than its time", async () => {
  const clock = new ManualClock(1000);
  const told = new ToldRepositories(clock);
  told.note(NAME, named("acme/thing"));
  await clock.advance(TOLD_REPOSITORY_MS_MAX - 1);
  equal(told.get(NAME)?.repository.name, "acme/thing");
  await clock.advance(1);
  equal(told.get(NAME), undefined);
});

Deno.test("ToldRepositories.note() forgets what was told longest ago", () => {
  const told = new ToldRepositories(new ManualClock(1000));
  const nameOf = (number: number) => parseRepositoryName(`acme/r${number}`);
  for (let number = 0; number < TOLD_REPOSITORY_COUNT_MAX; number++) {
    told.note(nameOf(number), named(`acme/r${number}`));
  }
  told.note(nameOf(0), named("acme/r0"));
  told.note(NAME, named("acme/thing"));
  equal(told.get(nameOf(1)), undefined);
  equal(told.get(nameOf(0))?.repository.name, "acme/r0");
  equal(told.get(NAME)?.repository.name, "acme/thing");
});
