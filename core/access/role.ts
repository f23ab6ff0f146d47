/**
 * Who may do how much: roles, visibility, and what credentials leave of them.
 *
 * @module
 */

/** What somebody may do in a repository, or in all of an owner's; each includes those before it. */
export const ROLES = ["read", "write", "admin"] as const;

/** One of {@link ROLES}. */
export type Role = typeof ROLES[number];

/**
 * Who reads a repository without having a role: everybody, every user of this server, nobody.
 */
export const VISIBILITIES = ["public", "internal", "private"] as const;

/** One of {@link VISIBILITIES}. */
export type Visibility = typeof VISIBILITIES[number];

/**
 * What a token may be used for. Those of repositories include the ones before them; `account` is for
 * the keys and tokens of its user, `server` for what only administrators may do.
 */
export const TOKEN_SCOPES = [
  "repository:read",
  "repository:write",
  "repository:admin",
  "account",
  "server",
] as const;

/** One of {@link TOKEN_SCOPES}. */
export type TokenScope = typeof TOKEN_SCOPES[number];

const SCOPE_OF: Readonly<Record<Role, TokenScope>> = {
  read: "repository:read",
  write: "repository:write",
  admin: "repository:admin",
};

/** Whether whoever has `role` may do what needs `needed`. Nobody's role is undefined. */
export function roleIncludes(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** The greatest of some roles; undefined when there is none. */
export function greatestRole(roles: Iterable<Role | undefined>): Role | undefined {
  let greatest: Role | undefined;
  for (const role of roles) {
    if (role !== undefined && !roleIncludes(greatest, role)) greatest = role;
  }
  return greatest;
}

/** The greatest role in repositories that these scopes let through; undefined when none does. */
export function roleOfScopes(scopes: readonly TokenScope[]): Role | undefined {
  return greatestRole(ROLES.filter((role) => scopes.includes(SCOPE_OF[role])));
}

/** The smaller of two roles; undefined when either is. */
export function smallerRole(one: Role | undefined, other: Role | undefined): Role | undefined {
  if (one === undefined || other === undefined) return undefined;
  return roleIncludes(one, other) ? other : one;
}
