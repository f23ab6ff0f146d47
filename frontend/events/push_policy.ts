/**
 * Asks somebody else's service whether a push may be committed.
 *
 * The question is asked after the pack was taken in and before the commit: what it allows is committed
 * next. It carries what the push would change and who asks for it, no objects. A push of very many
 * references is asked about in several questions, all of which have to be allowed.
 *
 * Fault model: no answer in time, or one that is no verdict, is a failure. By default that refuses the
 * push; a server may be told to let pushes through instead.
 *
 * @module
 */

import {
  type Clock,
  hasCode,
  type Logger,
  PUSH_POLICY_ANSWER_BYTES_MAX,
  PUSH_POLICY_COMMAND_COUNT_MAX,
} from "@gitstratum/core";
import type { Egress } from "@gitstratum/core/egress";
import { isZeroOid } from "@gitstratum/core/git";
import {
  type Actor,
  type ReferenceCommand,
  type RepositoryInfo,
  WEBHOOK_SIGNATURE_HEADER,
  webhookSignature,
} from "@gitstratum/core/rpc";
import { z } from "zod";
import type { PushPolicyMetrics } from "./push_policy_metrics.ts";

/** What somebody wants to push. */
export interface PushQuestion {
  /** Where. */
  readonly repository: Pick<RepositoryInfo, "repositoryId" | "name">;
  /** Who. */
  readonly actor: Actor;
  /** How they came. */
  readonly transport: "http" | "ssh";
  /** From where. */
  readonly remoteAddress?: string | undefined;
  /** What changes. */
  readonly commands: readonly ReferenceCommand[];
  /** What `git push -o` gave. */
  readonly pushOptions: readonly string[];
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** Whether a push may be committed. */
export type PushVerdict =
  | { readonly allowed: true }
  /** With lines for the person who pushes. */
  | { readonly allowed: false; readonly lines: readonly string[] };

/** Decides on pushes. */
export interface PushPolicy {
  /** Asks. @throws what the signal says when it aborts */
  ask(question: PushQuestion): Promise<PushVerdict>;
}

/** How to ask. */
export interface HttpPushPolicyOptions {
  /** Where. */
  readonly url: string;
  /** The way there. */
  readonly egress: Egress;
  /** Counts the time. */
  readonly clock: Clock;
  /** For all questions about one push, in milliseconds. */
  readonly timeoutMs: number;
  /** Lets pushes through that nobody answers about. */
  readonly failOpen: boolean;
  /** Signs questions as deliveries to webhooks are signed; absent = they are not. */
  readonly secret?: string;
  /** Told of failures. */
  readonly logger: Logger;
  /** Counts verdicts. */
  readonly metrics: PushPolicyMetrics;
}

/** Longest message that people are shown. */
const MESSAGE_LENGTH_MAX = 4000;
const LINE_COUNT_MAX = 30;
const FAILED: PushVerdict = {
  allowed: false,
  lines: ["the service that decides on pushes gives no answer; try again later"],
};

const answerSchema = z.object({
  allow: z.boolean(),
  message: z.string().max(MESSAGE_LENGTH_MAX).optional(),
});

/** Asks by HTTP. */
export class HttpPushPolicy implements PushPolicy {
  readonly #options: HttpPushPolicyOptions;

  /** Makes a policy; nothing is asked yet. */
  constructor(options: HttpPushPolicyOptions) {
    this.#options = options;
  }

  /** {@inheritDoc PushPolicy.ask} */
  async ask(question: PushQuestion): Promise<PushVerdict> {
    const { clock, timeoutMs, failOpen, logger, metrics } = this.#options;
    const over = new AbortController();
    const cut = () => over.abort();
    question.signal.addEventListener("abort", cut, { once: true });
    const late = clock.sleep(timeoutMs, over.signal).then(cut, () => undefined);
    const startMs = clock.monotonicMs();
    try {
      question.signal.throwIfAborted();
      const verdict = await this.#askAll(question, over.signal);
      metrics.answered(verdict.allowed ? "allowed" : "denied");
      return verdict;
    } catch (error) {
      question.signal.throwIfAborted();
      metrics.answered("failed");
      logger.warn("Get no verdict on a push", {
        repository: question.repository.name,
        isLetThrough: failOpen,
        reason: hasCode(error, "aborted") ? "no answer in time" : describe(error),
      });
      return failOpen ? { allowed: true } : FAILED;
    } finally {
      question.signal.removeEventListener("abort", cut);
      over.abort();
      await late;
      metrics.lasted((clock.monotonicMs() - startMs) / 1000);
    }
  }

  async #askAll(question: PushQuestion, signal: AbortSignal): Promise<PushVerdict> {
    const { commands } = question;
    for (let first = 0; first < commands.length; first += PUSH_POLICY_COMMAND_COUNT_MAX) {
      const some = commands.slice(first, first + PUSH_POLICY_COMMAND_COUNT_MAX);
      const verdict = await this.#askOnce(bodyOf(question, some, first), signal);
      if (!verdict.allowed) return verdict;
    }
    return { allowed: true };
  }

  async #askOnce(value: unknown, signal: AbortSignal): Promise<PushVerdict> {
    const { egress, url, secret } = this.#options;
    const body = new TextEncoder().encode(JSON.stringify(value));
    const { status, body: answer } = await egress.post({
      url,
      headers: {
        "content-type": "application/json",
        "accept": "application/json",
        "user-agent": "GitStratum-Policy/1",
        ...(secret === undefined
          ? {}
          : { [WEBHOOK_SIGNATURE_HEADER]: webhookSignature(secret, body) }),
      },
      body,
      answerBytesMax: PUSH_POLICY_ANSWER_BYTES_MAX,
      signal,
    });
    if (status !== 200) throw new Error(`The answer has status ${status}`);
    const { allow, message } = answerSchema.parse(JSON.parse(new TextDecoder().decode(answer)));
    return allow ? { allowed: true } : { allowed: false, lines: shownLines(message ?? "") };
  }
}

function bodyOf(question: PushQuestion, commands: readonly ReferenceCommand[], first: number) {
  const { repository, actor, transport, remoteAddress, pushOptions } = question;
  const { name, repositoryId } = repository;
  return {
    event: "pre-receive",
    repository: { id: repositoryId, name, owner: name.slice(0, name.indexOf("/")) },
    actor: { ...actor, transport, ...(remoteAddress === undefined ? {} : { remoteAddress }) },
    pushOptions,
    changes: commands.map(({ name, oldOid, newOid }) => ({
      reference: name,
      old: isZeroOid(oldOid) ? null : oldOid,
      new: isZeroOid(newOid) ? null : newOid,
    })),
    firstChange: first,
    changeCount: question.commands.length,
  };
}

/** Lines that can not do more to a terminal than stand there. */
function shownLines(message: string): readonly string[] {
  return message.split("\n")
    // deno-lint-ignore no-control-regex -- control characters are what it looks for
    .map((line) => line.replaceAll(/[\x00-\x1f\x7f-\x9f]+/g, " ").trimEnd())
    .filter((line) => line !== "").slice(0, LINE_COUNT_MAX);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : String(error);
}
