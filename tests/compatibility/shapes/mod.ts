/**
 * Everything that nodes say to each other or leave for each other in JSON.
 *
 * @module
 */

import { CONTROL_SHAPES } from "./control_shapes.ts";
import { METADATA_SHAPES } from "./metadata_shapes.ts";
import { OBJECT_SHAPES } from "./object_shapes.ts";
import type { Shape } from "./shape.ts";

export { MAPS, type Shape } from "./shape.ts";

/** All shapes; names are unique. */
export const SHAPES: readonly Shape[] = [...METADATA_SHAPES, ...OBJECT_SHAPES, ...CONTROL_SHAPES];
