/**
 * Names that a server knows and its caller may see: to complete what people type, and to guess what
 * they meant.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { NamedThing } from "./admin_command.ts";
import { type AdminApi, pagesOf } from "./admin_api.ts";
import { didYouMean, nearestNames } from "./nearest_name.ts";

/** Names that are asked for: people wait for an answer. */
const NAME_COUNT_MAX = 1000;

/** Some names of things, those of the same owner first. */
export async function namesOf(
  api: AdminApi,
  thing: NamedThing,
  wanted: string,
): Promise<readonly string[]> {
  const limit = NAME_COUNT_MAX;
  switch (thing) {
    case "user":
      return await collected(pagesOf(api, "listUsers", { limit }));
    case "owner":
      return await collected(pagesOf(api, "listOwners", { limit }));
    case "repository": {
      const owner = /^([^/]+)\//.exec(wanted)?.[1];
      const request = owner === undefined ? {} : { query: { owner } };
      const own = await collected(pagesOf(api, "listRepositories", { request, limit }));
      if (owner === undefined || own.length > 0) return own;
      return await collected(pagesOf(api, "listRepositories", { limit }));
    }
  }
}

async function collected(
  pages: AsyncIterable<readonly { readonly name: string }[]>,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of pages) names.push(...page.map(({ name }) => name));
  return names;
}

const MISSING: Readonly<Record<string, NamedThing>> = {
  "Find no such repository": "repository",
  "Find no such user": "user",
  "Find no such owner": "owner",
};

/** What to add to an error about something that is not there; empty when nothing is like it. */
export async function correction(api: AdminApi, error: GitStratumError): Promise<string> {
  const thing = MISSING[error.message];
  const wanted = error.data.name ?? error.data.user ?? error.data.owner;
  if (error.code !== "not-found" || thing === undefined || typeof wanted !== "string") return "";
  try {
    return didYouMean(nearestNames(wanted, await namesOf(api, thing, wanted)));
  } catch (cause) {
    // Whoever may not list names is told the error alone.
    if (cause instanceof GitStratumError) return "";
    throw cause;
  }
}
