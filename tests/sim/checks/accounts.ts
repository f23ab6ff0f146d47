/**
 * Whether every frontend takes the tokens that there are, and those alone.
 *
 * @module
 */

import type { TokenLife } from "../clients/token_life.ts";
import type { BookToken } from "../clients/token_book.ts";
import type { RunRecord } from "./run_record.ts";

/** What is asked, and where. */
export interface AccountsCheckOptions {
  readonly record: RunRecord;
  readonly tokens: TokenLife;
  readonly frontends: readonly string[];
  /** Something that every token may read. */
  readonly repository: string;
  /** Lets simulated time pass. */
  readonly sleep: (ms: number) => Promise<void>;
}

/** A frontend knows of a change after so long, while its line to the control plane is whole. */
const KNOWN_MS_MAX = 2000;
/** Who lost the control plane for long finds it again within this. */
const RECONNECT_MS_MAX = 5000;
/** What was lost before may still be missed by those who keep connections. */
const ATTEMPT_COUNT = 4;

/** Shows each token to each frontend; then one that is made, and taken away, for the purpose. */
export async function checkAccounts(options: AccountsCheckOptions): Promise<void> {
  const { record, tokens, frontends, sleep } = options;
  await sleep(RECONNECT_MS_MAX);
  for (const token of record.tokens.all) await checkToken(options, token);
  const [first = ""] = frontends;
  let fresh: BookToken | undefined;
  for (let attempt = 0; attempt < ATTEMPT_COUNT; attempt++) fresh ??= await tokens.make(first);
  if (fresh === undefined) return record.violate("accounts", "A cluster in peace makes no token");
  await sleep(KNOWN_MS_MAX);
  await checkToken(options, fresh);
  let isRevoked = false;
  for (let attempt = 0; attempt < ATTEMPT_COUNT && !isRevoked; attempt++) {
    isRevoked = await tokens.revoke(first, fresh);
  }
  if (!isRevoked) return record.violate("accounts", "A cluster in peace takes no token away");
  await sleep(KNOWN_MS_MAX);
  await checkToken(options, fresh);
}

async function checkToken(options: AccountsCheckOptions, token: BookToken): Promise<void> {
  const { record, frontends } = options;
  const answers: boolean[] = [];
  for (const frontend of frontends) {
    const isTaken = await insist(options, frontend, token);
    if (isTaken === undefined) {
      return record.violate("accounts", `${frontend} does not say whether a token is good`);
    }
    answers.push(isTaken);
  }
  const isRight = answers.every((answer) =>
    token.state === "unsure" ? answer === answers[0] : answer === (token.state === "good")
  );
  if (isRight) return;
  record.violate("accounts", `${frontends} take the ${token.state} token ${token.id}: ${answers}`);
}

async function insist(
  { tokens, repository }: AccountsCheckOptions,
  frontend: string,
  token: BookToken,
): Promise<boolean | undefined> {
  for (let attempt = 0; attempt < ATTEMPT_COUNT; attempt++) {
    const isTaken = await tokens.isTaken(frontend, token, repository);
    if (isTaken !== undefined) return isTaken;
  }
  return undefined;
}
