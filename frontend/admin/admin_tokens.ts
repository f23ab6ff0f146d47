/**
 * Files with tokens: one for each server, that only its user can read.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { AdminTokens } from "./run_admin.ts";

/** Longest file that is read, in bytes: a token and a line end. */
const FILE_BYTES_MAX = 4096;

/** Tokens below a directory of the user's. */
export class FileTokens implements AdminTokens {
  readonly #directory: string | undefined;

  /** `directory` is made when something is kept; undefined = nothing can be kept. */
  constructor(directory: string | undefined) {
    this.#directory = directory;
  }

  /** See {@link AdminTokens.read}. */
  async read(path: string): Promise<string> {
    const text = await readPrivate(path);
    if (text !== undefined) return text;
    throw new GitStratumError("not-found", "Find no token file", { data: { path } });
  }

  /** See {@link AdminTokens.kept}. */
  async kept(baseUrl: string): Promise<string | undefined> {
    const directory = this.#directory;
    return directory === undefined ? undefined : await readPrivate(pathOf(directory, baseUrl));
  }

  /** See {@link AdminTokens.keep}. */
  async keep(baseUrl: string, token: string): Promise<string> {
    const directory = this.#directory;
    if (directory === undefined) {
      throw new GitStratumError("unsupported", "Find no directory for tokens: set HOME");
    }
    const path = pathOf(directory, baseUrl);
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    const temporary = `${path}.new`;
    await Deno.writeTextFile(temporary, `${token}\n`, { mode: 0o600 });
    // A file that was there before keeps its mode when it is written.
    await Deno.chmod(temporary, 0o600);
    await Deno.rename(temporary, path);
    return path;
  }
}

/** Where tokens are kept, by the environment; undefined when nobody says where home is. */
export function tokenDirectory(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { XDG_CONFIG_HOME: config = "", HOME: home = "" } = environment;
  if (config !== "") return `${config}/gitstratum/tokens`;
  return home === "" ? undefined : `${home}/.config/gitstratum/tokens`;
}

function pathOf(directory: string, baseUrl: string): string {
  return `${directory}/${encodeURIComponent(baseUrl)}`;
}

async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const { mode, size } = await Deno.stat(path);
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new GitStratumError("denied", "Refuse a token file that others may read", {
        data: { path, mode: (mode & 0o777).toString(8), wanted: "600" },
      });
    }
    if (size > FILE_BYTES_MAX) {
      throw new GitStratumError("invalid", "Refuse a token file that is too long", {
        data: { path, bytes: size, bytesMax: FILE_BYTES_MAX },
      });
    }
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
