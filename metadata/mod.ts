/**
 * See README.md of this package.
 *
 * @module
 */

export {};
