/**
 * isomorphic-git, the Git implementation in JavaScript, with its client for Node's HTTP.
 *
 * @module
 */

import isomorphicGit from "isomorphic-git";
import http from "isomorphic-git/http/node";
import fs from "node:fs";
import type { GitClient, NewFile, PushedReference } from "./git_client.ts";

const author = { name: "Iso Morphic", email: "isomorphic@example.com" };

/** isomorphic-git, which knows HTTP only. */
export const isomorphicClient: GitClient = {
  name: "isomorphic-git",
  transports: ["http"],
  shallow: true,
  objectFormats: () => Promise.resolve(["sha1"]),
  pushedFormats: ["sha1"],

  async clone(dir, { objectFormat: _, ...options }) {
    await isomorphicGit.clone({ fs, http, dir, ...options });
  },

  async fetch(dir, options = {}) {
    await isomorphicGit.fetch({ fs, http, dir, remote: "origin", tags: true, ...options });
  },

  async commit(dir: string, { file, content }: NewFile) {
    await Deno.writeTextFile(`${dir}/${file}`, content);
    await isomorphicGit.add({ fs, dir, filepath: file });
    return await isomorphicGit.commit({ fs, dir, author, message: `write ${file}\n` });
  },

  async tag(dir, ref) {
    await isomorphicGit.annotatedTag({ fs, dir, ref, tagger: author, message: "a tag\n" });
  },

  async push(dir, { source, target, force = false }: PushedReference) {
    const result = await isomorphicGit.push({
      fs,
      http,
      dir,
      remote: "origin",
      remoteRef: target,
      force,
      // Something has to be named here even for a deletion.
      ref: source ?? "HEAD",
      delete: source === undefined,
    });
    if (!result.ok) throw new Error(`isomorphic-git push: ${JSON.stringify(result)}`);
  },
};
