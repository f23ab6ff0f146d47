/**
 * Why a wait is ended that was won by something else.
 *
 * @module
 */

/**
 * What timers and watches beside a call are aborted with once it is answered. An abort without a
 * reason makes an error that keeps its stack, which nobody reads: too dear for each call.
 */
export const WAIT_IS_OVER = "The wait is over";
