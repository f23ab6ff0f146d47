/**
 * The life of a node as the controller sees it: a pure state machine.
 *
 * ```
 *              ready            silent              silent too long
 *   joining ----------> active --------> suspect ------------------> down
 *      ^                   ^                |                          |
 *      |                   +----------------+                          |
 *      |                     heard and ready                           |
 *      +---------------------------------------------------------------+
 *                           registered again
 * ```
 *
 * A node that says that it stops goes down from any state, without a suspicion.
 *
 * It is driven by what is the case, not by what happened: feeding it the same observation twice changes
 * nothing, so a missed event is made good by the next look. A node that restarts while it is active or
 * suspect keeps its duties; one that was given up starts over. Flapping is damped: the more often a
 * node was suspected lately, the longer it takes to be given up.
 *
 * @module
 */

import type { NodeState } from "@gitstratum/core/rpc";
import type { ControlPolicy } from "./policy.ts";

/** How alive a node is; times are the controller's monotonic clock. */
export type Liveness =
  | { readonly kind: "joining" }
  | { readonly kind: "active" }
  | { readonly kind: "suspect"; readonly untilMs: number }
  | { readonly kind: "down"; readonly sinceMs: number };

/** A node in the eyes of one controller. */
export interface Member {
  /** The newest registration that was seen. */
  readonly incarnation: number;
  /** How alive it is. */
  readonly liveness: Liveness;
  /** The operator wants it empty. */
  readonly draining: boolean;
  /** When it was suspected, within the flap window, oldest first. */
  readonly suspicionsMs: readonly number[];
}

/** What is the case now. */
export interface Observation {
  /** The newest registration. */
  readonly incarnation: number;
  /** The operator wants it empty. */
  readonly draining: boolean;
  /** Whether that incarnation was heard from within the time of silence. */
  readonly isAlive: boolean;
  /** Whether it said that it can take duties. */
  readonly isReady: boolean;
  /** Whether that incarnation said that it stops. */
  readonly hasLeft?: boolean;
}

/** The moment and the rules of a step. */
export interface StepContext {
  /** The controller's monotonic clock, in milliseconds. */
  readonly nowMs: number;
  /** The rules. */
  readonly policy: ControlPolicy;
  /** Nobody is given up for silence before this moment. */
  readonly graceUntilMs?: number;
}

/** The member after an observation; the same object when nothing changed. */
export function step(
  member: Member | undefined,
  observation: Observation,
  context: StepContext,
): Member {
  const current = member === undefined || member.incarnation < observation.incarnation
    ? reborn(member, observation.incarnation, context)
    : member;
  const next = observe(current, observation, context);
  if (next.draining === observation.draining) return next;
  return { ...next, draining: observation.draining };
}

/** The state to publish. */
export function memberState(member: Member): NodeState {
  const { kind } = member.liveness;
  return member.draining && kind === "active" ? "draining" : kind;
}

/** A member as a new controller finds it: times begin anew, because its clock is another. */
export function adopt(
  found: { readonly incarnation: number; readonly state: NodeState },
  context: StepContext,
): Member {
  const { incarnation, state } = found;
  const base = { incarnation, draining: state === "draining", suspicionsMs: [] };
  switch (state) {
    case "suspect":
      return { ...base, liveness: suspicion([], context) };
    case "draining":
    case "active":
      return { ...base, liveness: { kind: "active" } };
    case "joining":
      return { ...base, liveness: { kind: "joining" } };
    case "down":
      return { ...base, liveness: { kind: "down", sinceMs: context.nowMs } };
  }
}

/** For how long a member has been given up, in milliseconds, as far as this controller knows. */
export function downMs({ liveness }: Member, nowMs: number): number {
  return liveness.kind === "down" ? nowMs - liveness.sinceMs : 0;
}

/** When a member changes without anything happening; undefined when it does not. */
export function wakeAtMs(member: Member): number | undefined {
  return member.liveness.kind === "suspect" ? member.liveness.untilMs : undefined;
}

/** A new incarnation: one whose duties are still its own keeps them for the time of a suspicion. */
function reborn(member: Member | undefined, incarnation: number, context: StepContext): Member {
  const keepsDuties = member?.liveness.kind === "active" || member?.liveness.kind === "suspect";
  const suspicionsMs = member?.suspicionsMs ?? [];
  return {
    incarnation,
    liveness: keepsDuties ? suspicion(suspicionsMs, context) : { kind: "joining" },
    draining: member?.draining ?? false,
    suspicionsMs,
  };
}

function observe(member: Member, observation: Observation, context: StepContext): Member {
  const isCurrent = observation.incarnation === member.incarnation;
  const isUp = isCurrent && observation.isAlive && observation.isReady;
  if (isCurrent && observation.hasLeft) return down(member, context);
  switch (member.liveness.kind) {
    case "joining":
      if (isUp) return { ...member, liveness: { kind: "active" } };
      if (observation.isAlive || context.nowMs < graceUntilMs(context)) return member;
      return down(member, context);
    case "active":
      return observation.isAlive && isCurrent ? member : suspect(member, context);
    case "suspect":
      if (isUp) return { ...member, liveness: { kind: "active" } };
      if (context.nowMs < member.liveness.untilMs) return member;
      return down(member, context);
    case "down":
      return member;
  }
}

/** A node that says that it stops is believed at once, and that is no flapping. */
function down(member: Member, { nowMs }: StepContext): Member {
  if (member.liveness.kind === "down") return member;
  return { ...member, liveness: { kind: "down", sinceMs: nowMs } };
}

function graceUntilMs({ graceUntilMs = -Infinity }: StepContext): number {
  return graceUntilMs;
}

function suspect(member: Member, context: StepContext): Member {
  const { nowMs, policy } = context;
  const recent = member.suspicionsMs.filter((ms) => nowMs - ms < policy.flapWindowMs);
  const suspicionsMs = [...recent, nowMs];
  return { ...member, liveness: suspicion(suspicionsMs, context), suspicionsMs };
}

function suspicion(suspicionsMs: readonly number[], context: StepContext): Liveness {
  const { nowMs, policy } = context;
  const factor = 2 ** Math.floor(suspicionsMs.length / policy.flapCount);
  const untilMs = nowMs + policy.suspicionMs * Math.min(factor, policy.suspicionFactorMax);
  return { kind: "suspect", untilMs: Math.max(untilMs, graceUntilMs(context)) };
}
