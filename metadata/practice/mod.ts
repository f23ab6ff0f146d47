/**
 * A metadata node to practise on, within the process that practises.
 *
 * @module
 */

export { addPracticeMetadata, type PushPracticeOptions } from "./push_practice.ts";
