/**
 * Histories of many clients against one repository, over a log that loses appends and answers.
 */

import { equal, ok } from "node:assert/strict";
import { hasCode, SeededRandom } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { newPushId, type PushResult, type RepositoryKey } from "@gitstratum/core/rpc";
import { FaultyLog } from "../testing/faulty_log.ts";
import { command, pushRequest, reasons, TestNode } from "../testing/test_node.ts";

const CLIENTS = 6;
const PUSHES = 12;
const BRANCHES = ["refs/heads/a", "refs/heads/b"] as const;

/** A move of a branch that was acknowledged. */
interface Move {
  readonly branch: string;
  readonly old: Oid | undefined;
  readonly new: Oid;
  /** Places of its begin and its end among all begins and ends. */
  readonly begin: number;
  readonly end: number;
}

/** Pushes until there is an answer, as a frontend does: always with the same push id. */
async function pushUntilAnswered(
  node: TestNode,
  key: RepositoryKey,
  request: ReturnType<typeof pushRequest>,
): Promise<PushResult> {
  for (;;) {
    try {
      return await node.metadata.push(key, request);
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
    }
  }
}

/** Moves must form one chain from "absent" to the present value, in an order that time allows. */
function checkChain(moves: readonly Move[], present: Oid | undefined, seed: number): void {
  const byOld = new Map(moves.map((move) => [move.old, move]));
  equal(byOld.size, moves.length, `seed ${seed}: two pushes moved the branch from one value`);
  const chain: Move[] = [];
  for (let at: Oid | undefined, next = byOld.get(at); next; next = byOld.get(at)) {
    chain.push(next);
    at = next.new;
  }
  equal(chain.length, moves.length, `seed ${seed}: an acknowledged move is not in the chain`);
  equal(chain.at(-1)?.new, present, `seed ${seed}: the chain does not end at the present value`);
  for (const [index, move] of chain.entries()) {
    for (const later of chain.slice(index + 1)) {
      ok(move.begin < later.end, `seed ${seed}: a move was seen before it began`);
    }
  }
}

Deno.test("push() is linearizable over a log that loses appends and answers", async () => {
  for (let seed = 0; seed < 6; seed++) {
    const random = new SeededRandom(seed);
    const roll = (below: number) => random.bytes(1)[0]! % below;
    let log: FaultyLog | undefined;
    await using node = await TestNode.start({ wrapLog: (inner) => log = new FaultyLog(inner) });
    const key = await node.create();
    log!.fault = () => ([undefined, undefined, "lost", "answer-lost"] as const)[roll(4)];

    let tick = 0;
    const moves: Move[] = [];
    const client = async (number: number) => {
      for (let round = 0; round < PUSHES; round++) {
        const branch = BRANCHES[roll(BRANCHES.length)]!;
        const begin = tick++;
        const old = (await node.references(key, [branch]))[0]?.oid;
        const oid = node.objects.commitOf(`${seed}/${number}/${round}`);
        const group = await node.store(key, [oid]);
        const request = pushRequest([command(branch, old, oid)], {
          group,
          pushId: newPushId(random),
        });
        const [reason] = reasons(await pushUntilAnswered(node, key, request));
        if (reason === undefined) moves.push({ branch, old, new: oid, begin, end: tick++ });
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
    let done = false;
    clients.finally(() => done = true);
    // Retries wait on the clock.
    while (!done) await node.clock.advance(50);
    await clients;

    log!.revive();
    ok(moves.length >= PUSHES, `seed ${seed}: ${moves.length} moves`);
    for (const lose of [false, true]) {
      await node.restart({ lose });
      const present = new Map((await node.references(key)).map(({ name, oid }) => [name, oid]));
      for (const branch of BRANCHES) {
        const ofBranch = moves.filter((move) => move.branch === branch);
        checkChain(ofBranch, present.get(branch), seed);
      }
    }
  }
});
