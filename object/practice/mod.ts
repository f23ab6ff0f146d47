/**
 * An object node to practise on, within the process that practises.
 *
 * @module
 */

export { addPracticeObjects, type WritePracticeOptions } from "./write_practice.ts";
