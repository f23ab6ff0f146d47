/**
 * Tests from the outside.
 *
 * @module
 */

export {};
