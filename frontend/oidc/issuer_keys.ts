/**
 * The keys of issuers, fetched when they are first needed and kept for a while.
 *
 * Anybody can show a token that names a key nobody knows. Keys are asked for anew because of such a
 * token, since issuers change them, but once in a while only; equal questions share one answer. An
 * issuer that is away is no trouble while its keys are at hand. What it answers is bounded, redirects
 * are not followed, and it has a deadline.
 *
 * @module
 */

import {
  type Clock,
  GitStratumError,
  hasCode,
  ISSUER_COUNT_MAX,
  ISSUER_DOCUMENT_BYTES_MAX,
  ISSUER_KEY_COUNT_MAX,
  ISSUER_KEYS_LIFE_MS,
  ISSUER_KEYS_MS_MAX,
  ISSUER_KEYS_RETRY_MS,
  ISSUER_KEYS_STALE_MS_MAX,
  type Logger,
} from "@gitstratum/core";
import {
  checkIssuerUrl,
  type IssuerRecord,
  type JsonWebToken,
  readSigningKey,
  type RecordId,
  type SigningKey,
} from "@gitstratum/core/access";
import { type Fetcher, readJson } from "@gitstratum/core/rpc";
import { z } from "zod";

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() });
const keySetSchema = z.object({ keys: z.array(z.unknown()).max(ISSUER_KEY_COUNT_MAX) });

/** What is known of one issuer. Times are monotonic. */
interface Known {
  keys: readonly SigningKey[];
  /** When the keys came; undefined before the first did. */
  fetchedAtMs: number | undefined;
  /** When they were asked for last. */
  askedAtMs: number;
  asking: Promise<void> | undefined;
}

/** The world that keys come from. */
export interface IssuerKeysOptions {
  /** Carries requests to issuers. */
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  /** Told of issuers that can not be asked, and of keys that are not good. */
  readonly logger: Logger;
}

/** Keys of issuers. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  /** In order of their last use. */
  readonly #known = new Map<RecordId, Known>();

  /** Knows none. */
  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /**
   * The keys that may have signed a token: the one that it names, or all when it names none.
   *
   * @throws `unavailable` when no keys are at hand and the issuer can not be asked
   */
  async keysFor(issuer: IssuerRecord, token: JsonWebToken): Promise<readonly SigningKey[]> {
    const known = this.#knownOf(issuer.id);
    const fitting = () =>
      known.keys.filter(({ id, algorithm }) =>
        algorithm === token.algorithm && (token.keyId === undefined || id === token.keyId)
      );
    if (!this.#isFresh(known) || fitting().length === 0) await this.#ask(issuer, known);
    if (this.#isUsable(known)) return fitting();
    throw new GitStratumError("unavailable", "Have no keys of the issuer", {
      data: { issuer: issuer.url },
    });
  }

  #knownOf(id: RecordId): Known {
    const known = this.#known.get(id) ??
      { keys: [], fetchedAtMs: undefined, askedAtMs: -Infinity, asking: undefined };
    this.#known.delete(id);
    this.#known.set(id, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > ISSUER_COUNT_MAX) this.#known.delete(oldest!);
    return known;
  }

  #isFresh(known: Known): boolean {
    return this.#ageMs(known) < ISSUER_KEYS_LIFE_MS;
  }

  #isUsable(known: Known): boolean {
    return this.#ageMs(known) < ISSUER_KEYS_STALE_MS_MAX;
  }

  #ageMs({ fetchedAtMs }: Known): number {
    return fetchedAtMs === undefined ? Infinity : this.#options.clock.monotonicMs() - fetchedAtMs;
  }

  /** Asks for keys, unless that was done a moment ago; those at hand have to do when it fails. */
  async #ask(issuer: IssuerRecord, known: Known): Promise<void> {
    const { clock, logger } = this.#options;
    if (known.asking === undefined) {
      if (clock.monotonicMs() - known.askedAtMs < ISSUER_KEYS_RETRY_MS) return;
      known.askedAtMs = clock.monotonicMs();
      known.asking = this.#fetchKeys(issuer).then((keys) => {
        known.keys = keys;
        known.fetchedAtMs = clock.monotonicMs();
      }, (error) => {
        logger.warn("Fail to fetch the keys of an issuer", { issuer: issuer.url, error });
      }).finally(() => known.asking = undefined);
    }
    await known.asking;
  }

  async #fetchKeys(issuer: IssuerRecord): Promise<readonly SigningKey[]> {
    const { clock } = this.#options;
    const end = new AbortController();
    const cut = new AbortController();
    const late = clock.sleep(ISSUER_KEYS_MS_MAX, end.signal).then(() => {
      cut.abort();
      throw new GitStratumError("unavailable", "Wait no longer for an issuer", {
        data: { issuer: issuer.url, timeoutMs: ISSUER_KEYS_MS_MAX },
      });
    }, () => new Promise<never>(() => {}));
    try {
      return await Promise.race([this.#readKeys(issuer, cut.signal), late]);
    } finally {
      end.abort();
    }
  }

  async #readKeys(issuer: IssuerRecord, signal: AbortSignal): Promise<readonly SigningKey[]> {
    const url = issuer.keysUrl ?? await this.#discover(issuer, signal);
    const { keys } = await this.#get(url, { schema: keySetSchema, signal });
    const read: SigningKey[] = [];
    for (const key of keys) {
      const signing = await this.#readKey(key, issuer);
      if (signing !== undefined) read.push(signing);
    }
    return read;
  }

  async #readKey(value: unknown, issuer: IssuerRecord): Promise<SigningKey | undefined> {
    try {
      return await readSigningKey(value);
    } catch (error) {
      if (!hasCode(error, "invalid")) throw error;
      this.#options.logger.warn("Pass over a key of an issuer", { issuer: issuer.url, error });
      return undefined;
    }
  }

  /** OpenID Connect Discovery 1.0, section 4: the document has to speak of the very issuer. */
  async #discover(issuer: IssuerRecord, signal: AbortSignal): Promise<string> {
    const url = `${issuer.url.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const found = await this.#get(url, { schema: discoverySchema, signal });
    if (found.issuer !== issuer.url) {
      throw new GitStratumError("invalid", "Expect the document of another issuer", {
        data: { wanted: issuer.url, found: found.issuer.slice(0, 200) },
      });
    }
    checkIssuerUrl(found.jwks_uri);
    return found.jwks_uri;
  }

  async #get<T>(
    url: string,
    options: { readonly schema: z.ZodType<T>; readonly signal: AbortSignal },
  ): Promise<T> {
    const headers = { accept: "application/json" };
    const request = new Request(url, { headers, redirect: "manual", signal: options.signal });
    const response = await this.#options.fetcher(request);
    if (response.status === 200) {
      return await readJson(response, options.schema, { bytesMax: ISSUER_DOCUMENT_BYTES_MAX });
    }
    await response.body?.cancel();
    throw new GitStratumError("unavailable", "Be answered badly by an issuer", {
      data: { url: url.slice(0, 200), status: response.status },
    });
  }
}
