/**
 * How a run of inflate ended. The wrapper knows these numbers.
 */

export const NEEDS_INPUT: i32 = 0;
export const NEEDS_OUTPUT: i32 = 1;
export const DONE: i32 = 2;
export const CORRUPT: i32 = 3;
/** Not an end: the next step can be taken. */
export const GO_ON: i32 = 4;
