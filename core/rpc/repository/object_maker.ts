/**
 * What a schema makes of members that it does not know (docs/compatibility.md): it depends on who says
 * it, so shapes that clients and nodes both send are made once for each.
 *
 * @module
 */

import { z } from "zod";

/** Makes the schema of an object. */
export type ObjectMaker = <Shape extends z.ZodRawShape>(shape: Shape) => z.ZodObject<Shape>;

/** From clients: a member that is not known is misspelt, and refused. */
export const FROM_CLIENTS: ObjectMaker = z.strictObject as ObjectMaker;

/** Between nodes, and stored: a later release knows the member, so it is kept. */
export const BETWEEN_NODES: ObjectMaker = z.looseObject as unknown as ObjectMaker;

/** To clients: what is not known here is not told. */
export const TO_CLIENTS: ObjectMaker = z.object as ObjectMaker;
