/**
 * Certificates for tests, made by `openssl` when they are needed: an authority, and an identity on
 * loopback that it vouches for.
 *
 * @module
 */

/** Files in PEM. */
export interface TestCertificates {
  /** The authority's certificate. */
  readonly caFile: string;
  /** What it vouches for, as server and as client. */
  readonly certFile: string;
  readonly keyFile: string;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Makes an authority and one identity in a directory, which is made. */
export async function makeCertificates(directory: string): Promise<TestCertificates> {
  await Deno.mkdir(directory, { recursive: true });
  const at = (name: string) => `${directory}/${name}`;
  const [caFile, certFile, keyFile] = [at("ca.pem"), at("node.pem"), at("node.key")];
  await Deno.writeTextFile(
    at("extensions"),
    "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n",
  );
  await openssl(
    ...["req", "-x509", ...NEW_KEY, "-keyout", at("ca.key"), "-out", caFile],
    ...["-days", "1", "-subj", "/CN=authority"],
  );
  await openssl(
    ...["req", ...NEW_KEY, "-keyout", keyFile, "-out", at("node.csr"), "-subj", "/CN=node"],
  );
  await openssl(
    ...["x509", "-req", "-in", at("node.csr"), "-CA", caFile, "-CAkey", at("ca.key")],
    ...["-CAcreateserial", "-out", certFile, "-days", "1", "-extfile", at("extensions")],
  );
  return { caFile, certFile, keyFile };
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, stdout: "null" }).output();
  if (!success) throw new Error(`openssl ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
}
