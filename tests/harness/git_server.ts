/**
 * What every git server under test can do.
 *
 * @module
 */

/** A running server of repositories. */
export interface GitServer extends AsyncDisposable {
  /** `http://host:port` */
  readonly origin: string;
  /** Clone URL of `owner/name`. */
  url(repository: string): string;
  /** Makes an empty repository. */
  createRepository(
    repository: string,
    options?: { readonly objectFormat?: "sha1" | "sha256"; readonly defaultBranch?: string },
  ): Promise<void>;
}
