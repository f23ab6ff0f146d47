import assert from "node:assert/strict";
import { ManualClock, silentLogger, systemRandom } from "@gitstratum/core";
import { type AccessToken, hashAccessToken } from "@gitstratum/core/access";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import { JsonClient } from "@gitstratum/core/rpc";
import { AccessClient } from "@gitstratum/core/rpc/access";
import { openControlNode } from "@gitstratum/control";
import {
  claimFirstAdministrator,
  FIRST_ADMINISTRATOR,
  recoverAdministrator,
} from "./first_administrator.ts";

const DAY_MS = 24 * 3600 * 1000;

Deno.test("recoverAdministrator() lets the first administrator in again, whatever became of them", async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const world = { clock, random: systemRandom };
  const consensus = new MemoryConsensus(world);
  const node = await openControlNode({ ...world, consensus, logger: silentLogger, isAlone: true });
  const { view } = node.access;
  const caller = new JsonClient((request) => node.service.fetch(request));
  const client = new AccessClient({ ...world, route: (call) => call(caller), view });
  const recover = () => recoverAdministrator(client, clock.nowMs());
  const recordOf = (token: AccessToken) => view.tokenByHash(hashAccessToken(token));
  try {
    const first = (await claimFirstAdministrator(client, silentLogger))!;
    assert.equal(await claimFirstAdministrator(client, silentLogger), undefined);
    const id = client.newUserId();
    await client.calls.createUser({ id, name: "usurper", administrator: true });
    const { id: user } = view.userByName(FIRST_ADMINISTRATOR)!;
    await client.calls.changeUser({ user, administrator: false, disabled: true });
    const recovered = await recover();
    const known = view.userById(user);
    assert.ok(known?.administrator === true && !known.disabled);
    assert.equal(recordOf(recovered)?.expiresAtMs, clock.nowMs() + DAY_MS);
    assert.ok(recordOf(first) !== undefined, "tokens that are good stay");
    const again = await recover();
    assert.equal(recordOf(recovered), undefined, "earlier recoveries end");
    await client.calls.removeUser({ user });
    assert.equal(recordOf(again), undefined);
    const last = recordOf(await recover());
    assert.ok(last?.kind === "token" && last.user !== user);
    assert.equal(view.userByName(FIRST_ADMINISTRATOR)?.administrator, true);
  } finally {
    await node.close();
    await consensus.close();
  }
});
