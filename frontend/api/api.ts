/**
 * Every operation of the management API by its id.
 *
 * @module
 */

import type { ApiOperation } from "./api_operation.ts";
import * as repositories from "./repository_operations.ts";

const {
  listRepositories,
  createRepository,
  getRepository,
  updateRepository,
  deleteRepository,
} = repositories;

/** The operations. */
export const API = {
  listRepositories,
  createRepository,
  getRepository,
  updateRepository,
  deleteRepository,
} as const satisfies Readonly<Record<string, ApiOperation>>;

/** Names an operation. */
export type ApiOperationId = keyof typeof API;

/** The path under which all of them are. */
export const API_BASE_PATH = "/api/v1";
