/**
 * What stands behind the operations of the API: one handler for each.
 *
 * @module
 */

import type { Provenance, RepositoryInfo } from "@gitstratum/core/rpc";
import type { Asker } from "../access/asker.ts";
import type { API, ApiOperationId } from "./api.ts";
import type { ApiAnswer, ApiInput, ApiOperation, ApiQuestion, ApiShapes } from "./api_operation.ts";

/** A request that was validated and allowed. */
export type ApiCall<Shapes extends ApiShapes, Asks extends ApiQuestion> = ApiInput<Shapes> & {
  /** Who asks. */
  readonly asker: Asker;
  /** Who asks, from where, by what and when: to be kept with what is done. */
  readonly provenance: Provenance;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** What the path names, for operations on a repository. */
  readonly repository: Asks extends { readonly on: "repository" } ? RepositoryInfo : undefined;
};

/** Does what one operation says. */
export type ApiHandler<Operation extends ApiOperation> = Operation extends
  ApiOperation<infer Shapes, infer Asks>
  ? (call: ApiCall<Shapes, Asks>) => Promise<ApiAnswer<Shapes>>
  : never;

/** The handlers of some operations. */
export type ApiHandlersOf<Id extends ApiOperationId> = {
  readonly [Key in Id]: ApiHandler<(typeof API)[Key]>;
};

/** All of them: an operation without a handler does not compile. */
export type ApiHandlers = ApiHandlersOf<ApiOperationId>;
