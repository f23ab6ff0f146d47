/**
 * An OpenID Connect issuer on this machine, for tests: it has keys, signs what it is told, and fails as
 * it is told.
 *
 * @module
 */

import { type TokenSigner, tokenSigner } from "@gitstratum/core/access/token-signer";

/** How the issuer answers for its keys. */
export type IssuerMood =
  | "well"
  | "never"
  | "with an error"
  | "with a redirection"
  | "with too much"
  | "for another"
  | "with keys elsewhere";

/** A running issuer. */
export class TestIssuer {
  /** The claim `iss`. */
  readonly url: string;
  /** What it tells of its keys. */
  keys: TokenSigner[] = [];
  mood: IssuerMood = "well";
  /** Requests so far. */
  askedCount = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #end = new AbortController();

  private constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(new URL(request.url)),
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Starts an issuer with one key. */
  static async start(algorithm: "RS256" | "ES256" = "ES256"): Promise<TestIssuer> {
    const issuer = new TestIssuer();
    await issuer.rotate("key-1", algorithm);
    return issuer;
  }

  /** Has one new key from now on. */
  async rotate(kid: string, algorithm: "RS256" | "ES256" = "ES256"): Promise<void> {
    this.keys = [await tokenSigner(kid, { algorithm })];
  }

  /** Signs claims with the newest key. */
  sign(
    claims: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string> {
    return this.keys.at(-1)!.sign({ iss: this.url, ...claims }, header);
  }

  /** Stops. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#server.shutdown();
  }

  async #answer({ pathname }: URL): Promise<Response> {
    this.askedCount++;
    switch (this.mood) {
      case "never":
        await new Promise((resolve) => this.#end.signal.addEventListener("abort", resolve));
        return new Response(null, { status: 500 });
      case "with an error":
        return new Response("no", { status: 500 });
      case "with a redirection":
        return new Response(null, { status: 302, headers: { location: `${this.url}/keys` } });
      case "with too much":
        return Response.json({ keys: "x".repeat(1024 * 1024) });
      case "for another":
        return Response.json({ issuer: "https://other.test", jwks_uri: `${this.url}/keys` });
      case "with keys elsewhere":
        return Response.json({ issuer: this.url, jwks_uri: "http://169.254.169.254/keys" });
      case "well":
        break;
    }
    if (pathname === "/keys") {
      return Response.json({ keys: this.keys.map(({ publicKey }) => publicKey) });
    }
    if (pathname !== "/.well-known/openid-configuration") {
      return new Response(null, { status: 404 });
    }
    return Response.json({ issuer: this.url, jwks_uri: `${this.url}/keys` });
  }
}
