/**
 * Who may do what: principals, roles, rules for references, tokens, keys, and the one decision.
 *
 * @module
 */

export * from "./access_record.ts";
export * from "./access_token.ts";
export * from "./access_view.ts";
export * from "./decision.ts";
export * from "./json_web_token.ts";
export * from "./memory_access_view.ts";
export * from "./openpgp_key.ts";
export * from "./openpgp_signature.ts";
export * from "./operation.ts";
export * from "./principal.ts";
export * from "./record_index.ts";
export * from "./reference_denial.ts";
export * from "./reference_rule.ts";
export * from "./role.ts";
export * from "./ssh_public_key.ts";
export * from "./ssh_signature.ts";
export * from "./trust.ts";
