/**
 * Keys of an issuer that only tests have, and what they sign, well or badly.
 *
 * @module
 */

/** A key pair of an issuer. */
export interface TokenSigner {
  /** The public key as the issuer tells it. */
  readonly publicKey: JsonWebKey & { readonly kid: string };
  /** A signed token; `header` wins over what the key says. */
  sign(claims: unknown, header?: Readonly<Record<string, unknown>>): Promise<string>;
}

/** Makes a key pair. */
export async function tokenSigner(
  kid: string,
  options: { readonly algorithm?: "RS256" | "ES256"; readonly bits?: number } = {},
): Promise<TokenSigner> {
  const { algorithm = "ES256", bits = 2048 } = options;
  const parameters = algorithm === "RS256"
    ? {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: bits,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: "SHA-256",
    }
    : { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pair = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
  const { privateKey, publicKey } = pair as CryptoKeyPair;
  const { kty, n, e, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  const shown = kty === "RSA" ? { kty, n, e } : { kty, crv, x, y };
  return {
    publicKey: { ...shown, kid, use: "sig", alg: algorithm } as TokenSigner["publicKey"],
    async sign(claims, header = {}) {
      const signed = `${encode({ alg: algorithm, kid, typ: "JWT", ...header })}.${encode(claims)}`;
      const bytes = new TextEncoder().encode(signed);
      const signature = new Uint8Array(await crypto.subtle.sign(parameters, privateKey, bytes));
      return `${signed}.${base64Url(signature)}`;
    },
  };
}

/** A part of a token. */
export function encode(value: unknown): string {
  return base64Url(new TextEncoder().encode(JSON.stringify(value) ?? ""));
}

/** Bytes as they stand in tokens. */
export function base64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
