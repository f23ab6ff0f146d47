/**
 * A Git client that is not git, as the cases use it.
 *
 * @module
 */

/** How a client reaches the server. */
export type Transport = "http" | "ssh";

/** Hash functions of repositories. */
export type ObjectFormat = "sha1" | "sha256";

/** A branch of a clone and what a client writes on it. */
export interface NewFile {
  /** Path in the work tree, without a folder. */
  readonly file: string;
  readonly content: string;
}

/** What a push does to one reference of the server. */
export interface PushedReference {
  /** Full name here; absent to delete. */
  readonly source?: string;
  /** Full name there. */
  readonly target: string;
  readonly force?: boolean;
}

/** What a client clones. */
export interface CloneOptions {
  readonly url: string;
  /** What the repository is; a client that learns it from the server may ignore it. */
  readonly objectFormat: ObjectFormat;
  readonly depth?: number;
}

/**
 * Operations of a client over clones with a work tree and a remote `origin`. Each rejects when the
 * client says that it failed or that the server refused, with the client's words.
 */
export interface GitClient {
  /** How cases name it. */
  readonly name: string;
  readonly transports: readonly Transport[];
  /** Whether it can clone and fetch with a depth. */
  readonly shallow: boolean;
  /** The formats that this version of the client can clone and fetch. */
  objectFormats(): Promise<readonly ObjectFormat[]>;
  /** Those that it can push. */
  readonly pushedFormats: readonly ObjectFormat[];
  /** Clones all branches and tags. */
  clone(path: string, options: CloneOptions): Promise<void>;
  /** Fetches branches and tags from `origin`. */
  fetch(path: string, options?: { readonly depth?: number }): Promise<void>;
  /** Writes a file and commits it on `main`; the commit's id. */
  commit(path: string, file: NewFile): Promise<string>;
  /** Makes an annotated tag of `HEAD`. */
  tag(path: string, name: string): Promise<void>;
  /** Pushes one reference to `origin`. */
  push(path: string, reference: PushedReference): Promise<void>;
}
