/**
 * Temporary directories that vanish with the test.
 *
 * @module
 */

/** A directory that is removed when it goes out of scope (`await using`). */
export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
  /** A path inside the directory. */
  join(...parts: string[]): string;
}

/** Makes a temporary directory. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await Deno.makeTempDir({ prefix: "gitstratum-test-" });
  return {
    path,
    join: (...parts) => [path, ...parts].join("/"),
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
    },
  };
}
