/**
 * Who may do what, written down a second time: by hand, for everybody and every path.
 *
 * @module
 */

/** What somebody may do in a repository, as a letter; see {@link LETTERS}. */
export type Letter = "-" | "r" | "w" | "a";

/** The operations that each letter allows. */
export const LETTERS: Readonly<Record<Letter, readonly string[]>> = {
  "-": [],
  r: ["read"],
  w: ["read", "write"],
  a: ["read", "write", "configure", "grant", "audit", "delete"],
};

/** Who, and what they may do in acme's public, internal and private repository. */
const ROWS = `
  anonymous           r - -
  stranger            r r -
  reader              r r r
  writer              w w w
  keeper              a a a
  owner-reader        r r r
  owner-writer        w w w
  owner-admin         a a a
  acme                a a a
  root                a a a
  writer:read         r r r
  writer:write        w w w
  writer:account      r - -
  keeper:write        w w w
  acme:read           r r r
  writer:write@other  r - -
  writer:write@these  w w w
  root:read           r r r
`;

/** The same for those who come by SSH, where nobody is anonymous. */
const SSH_ROWS = `
  stranger              r r -
  reader                r r r
  writer                w w w
  owner-writer          w w w
  acme                  a a a
  root                  a a a
  deploy-read@public    r - -
  deploy-write@public   w - -
  deploy-read@private   r - r
  deploy-write@private  r - w
  deploy-write@internal r w -
`;

/** One row: what somebody may do, by visibility. */
export interface MatrixRow {
  readonly who: string;
  readonly letters: Readonly<Record<"public" | "internal" | "private", Letter>>;
}

function rowsOf(text: string): MatrixRow[] {
  return text.trim().split("\n").map((line) => {
    const [who, ...letters] = line.trim().split(/ +/);
    const [first, second, third] = letters as Letter[];
    return { who: who!, letters: { public: first!, internal: second!, private: third! } };
  });
}

/** Everybody who comes by HTTP. */
export const MATRIX: readonly MatrixRow[] = rowsOf(ROWS);
/** Everybody who comes by SSH. */
export const SSH_MATRIX: readonly MatrixRow[] = rowsOf(SSH_ROWS);

/** Who may do these; for the rest they are hidden or forbidden. */
export const ADMINISTRATORS: readonly string[] = ["root"];
/** Who may make repositories of acme's. */
export const CREATORS: readonly string[] = ["owner-writer", "owner-admin", "acme", "root"];
/** Who may not, and knows that there is such an owner. */
export const OWNER_READERS: readonly string[] = ["owner-reader", "acme:read", "root:read"];
/** Who may give roles in all of acme's repositories. */
export const OWNERS: readonly string[] = ["owner-admin", "acme", "root"];
/** Who may manage the tokens and keys of the user `writer`. */
export const WRITERS_KEEPERS: readonly string[] = ["writer", "writer:account", "root"];

/** What a path of the server asks. */
export type RouteKind =
  /** Nothing: what it answers is the same for everybody, or is the asker's own. */
  | "nothing"
  /** An operation of {@link LETTERS} on the repository in the path. */
  | "read"
  | "write"
  | "configure"
  | "grant"
  | "audit"
  | "delete"
  /** What {@link CREATORS} may do who may read. */
  | "fork"
  /** What whoever may delete a repository may do to one that is deleted. */
  | "deleted"
  /** {@link CREATORS}, {@link OWNERS}, {@link WRITERS_KEEPERS}, {@link ADMINISTRATORS} */
  | "create"
  | "members"
  | "account"
  | "server";

/** Every route of the HTTP app, and what it asks. `ALL` answers wrong methods. */
export const ROUTES: Readonly<Record<string, RouteKind>> = {
  "GET /healthz": "nothing",
  "GET /readyz": "nothing",
  "GET /": "nothing",
  "GET /api/v1/openapi.json": "nothing",
  "GET /:owner/:name/info/refs": "read",
  "POST /:owner/:name/git-upload-pack": "read",
  "POST /:owner/:name/git-receive-pack": "write",
  "GET /:owner/:name/bundles/:file": "read",
  "GET /:owner/:name/archive/:file{.+}": "read",
  // They tell clients of the dumb protocol that it is not spoken here, whatever they ask for.
  "GET /:owner/:name/HEAD": "nothing",
  "GET /:owner/:name/objects/*": "nothing",
};

/** A call of the API for each of its operations. */
export interface ApiCase {
  readonly asks: RouteKind;
  /** What a request needs to get as far as the decision. */
  readonly body?: unknown;
  /** It would spoil the stage for others: only those are asked who may not. */
  readonly spoils?: true;
}

const ID = "0".repeat(32);
/** Nothing is ever posted there. */
const WEBHOOK = { url: "http://127.0.0.1:9/", events: ["push"], active: false };

/** Every operation of the API. In paths, `{name}` is a visibility, `{owner}` acme, `{user}` writer. */
export const API_CASES: Readonly<Record<string, ApiCase>> = {
  listRepositories: { asks: "nothing" },
  createRepository: { asks: "create", body: { name: "acme/made" } },
  getRepository: { asks: "read" },
  updateRepository: { asks: "configure", body: {} },
  deleteRepository: { asks: "delete", spoils: true },
  getCaller: { asks: "nothing" },
  listUsers: { asks: "server" },
  createUser: { asks: "server", body: { name: "made" } },
  getUser: { asks: "account" },
  updateUser: { asks: "server", body: {} },
  deleteUser: { asks: "server", spoils: true },
  listUserGrants: { asks: "account" },
  listTokens: { asks: "account" },
  createToken: { asks: "account", body: { scopes: ["account"] } },
  deleteToken: { asks: "account" },
  listUserKeys: { asks: "account" },
  addUserKey: { asks: "account", body: { key: "KEY" }, spoils: true },
  deleteUserKey: { asks: "account" },
  listOpenPgpKeys: { asks: "account" },
  addOpenPgpKey: { asks: "account", body: { key: "KEY" }, spoils: true },
  deleteOpenPgpKey: { asks: "account" },
  listOwners: { asks: "server" },
  createOwner: { asks: "server", body: { name: "made-owner" } },
  deleteOwner: { asks: "server", spoils: true },
  listOwnerMembers: { asks: "members" },
  setOwnerMember: { asks: "members", body: { role: "read" }, spoils: true },
  deleteOwnerMember: { asks: "members", spoils: true },
  listRepositoryMembers: { asks: "grant" },
  setRepositoryMember: { asks: "grant", body: { role: "write" } },
  deleteRepositoryMember: { asks: "grant", spoils: true },
  listDeployKeys: { asks: "grant" },
  addDeployKey: { asks: "grant", body: { key: "KEY" }, spoils: true },
  deleteDeployKey: { asks: "grant" },
  listIssuers: { asks: "server" },
  createIssuer: { asks: "server", body: { url: "https://ci.example.com", audience: "git" } },
  deleteIssuer: { asks: "server" },
  listTrusts: { asks: "grant" },
  createTrust: {
    asks: "grant",
    body: { issuer: ID, role: "read", claims: [{ claim: "sub", pattern: "x" }] },
  },
  deleteTrust: { asks: "grant" },
  renameRepository: { asks: "delete", body: { name: "acme/renamed" }, spoils: true },
  forkRepository: { asks: "fork", body: { name: "acme/forked" } },
  getRepositoryUsage: { asks: "configure" },
  listDeletedRepositories: { asks: "nothing" },
  restoreRepository: { asks: "deleted", body: {} },
  purgeRepository: { asks: "deleted" },
  listAuditEvents: { asks: "server" },
  listRepositoryAuditEvents: { asks: "audit" },
  listOwnerAuditEvents: { asks: "members" },
  listRepositoryWebhooks: { asks: "configure" },
  createRepositoryWebhook: { asks: "configure", body: WEBHOOK },
  updateRepositoryWebhook: { asks: "configure", body: {} },
  deleteRepositoryWebhook: { asks: "configure" },
  listRepositoryDeliveries: { asks: "configure" },
  replayRepositoryDelivery: { asks: "configure" },
  listOwnerWebhooks: { asks: "members" },
  createOwnerWebhook: { asks: "members", body: WEBHOOK },
  updateOwnerWebhook: { asks: "members", body: {} },
  deleteOwnerWebhook: { asks: "members" },
  listOwnerDeliveries: { asks: "members" },
  replayOwnerDelivery: { asks: "members" },
  // It asks for a token of an issuer, which says who asks.
  exchangeToken: { asks: "nothing", body: { token: "x" }, spoils: true },
};

/** Names in paths of the API. */
export const API_NAMES: Readonly<Record<string, string>> = {
  owner: "acme",
  user: "writer",
  id: ID,
  delivery: ID,
};
