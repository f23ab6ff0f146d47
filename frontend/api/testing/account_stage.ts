/**
 * The API of a server with accounts, over a control plane in memory, for tests.
 *
 * @module
 */

import { type Clock, silentLogger, systemClock, systemRandom } from "@gitstratum/core";
import type { AccessToken } from "@gitstratum/core/access";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import {
  AuditClient,
  CONTROL_AUDIT_PATH,
  type Fetcher,
  JsonClient,
  type NodeId,
  OWN_LEVELS,
  type RegisterNodeRequest,
  TopologyClient,
  WebhookClient,
} from "@gitstratum/core/rpc";
import { AccessClient } from "@gitstratum/core/rpc/access";
import { openControlNode } from "@gitstratum/control";
import { RecordAuthenticator } from "../../access/authenticator.ts";
import { FakeDeliveries } from "./fake_deliveries.ts";
import { ApiHarness, type HarnessAnswer } from "./api_harness.ts";

/** A node of this release: the cluster has its level. */
const NODE: RegisterNodeRequest = {
  id: "m-1" as NodeId,
  role: "metadata",
  address: "http://m-1.test",
  zone: "z",
  weight: 1,
  ready: true,
  ...OWN_LEVELS,
};

/** A key that `ssh-keygen -t ed25519` could have made. */
export function publicKeyLine(number: number, comment = ""): string {
  const bytes = new Uint8Array(51);
  bytes.set([0, 0, 0, 11]);
  bytes.set(new TextEncoder().encode("ssh-ed25519"), 4);
  bytes.set([0, 0, 0, 32], 15);
  new DataView(bytes.buffer).setUint32(47, number);
  return `ssh-ed25519 ${bytes.toBase64()} ${comment}`;
}

/** Asks with a token; none = anonymous. */
export type AskAs = (request: string, body?: unknown) => Promise<HarnessAnswer>;

/** A server with one administrator. */
export class AccountStage {
  readonly api: ApiHarness;
  /** What webhooks were told. */
  readonly deliveries: FakeDeliveries;
  readonly #client: AccessClient;

  private constructor(api: ApiHarness, client: AccessClient, deliveries: FakeDeliveries) {
    this.api = api;
    this.deliveries = deliveries;
    this.#client = client;
  }

  /** Runs a test; `admin` asks as the administrator `root`. */
  static async run(
    test: (stage: AccountStage, admin: AskAs, adminToken: AccessToken) => Promise<void>,
    clock: Clock = systemClock,
  ): Promise<void> {
    const consensus = new MemoryConsensus({ clock, random: systemRandom });
    const common = { clock, random: systemRandom };
    const node = await openControlNode({
      ...common,
      consensus,
      logger: silentLogger,
      isAlone: true,
    });
    try {
      const { view } = node.access;
      const caller = new JsonClient((request) => node.service.fetch(request));
      const client = new AccessClient({ ...common, route: (call) => call(caller), view });
      const authenticator = new RecordAuthenticator({
        view,
        clock,
        metrics: new PrometheusMetrics(),
      });
      const deliveries = new FakeDeliveries();
      const fetcher: Fetcher = (request) => node.service.fetch(request);
      const events = {
        audit: new AuditClient(fetcher, { path: CONTROL_AUDIT_PATH }),
        webhooks: new WebhookClient(fetcher),
        deliveries,
      };
      const api = new ApiHarness({ authenticator, accounts: { client, view }, events, clock });
      const stage = new AccountStage(api, client, deliveries);
      await new TopologyClient(fetcher).register(NODE);
      const token = (await client.claimFirstAdministrator("root"))!;
      await test(stage, stage.as(token), token);
    } finally {
      await node.close();
      await consensus.close();
    }
  }

  /** Asks with a token. */
  as(token: string | undefined): AskAs {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (request, body) => this.api.ask(request, body, { headers });
  }

  /** Adds a user; the answer asks with a token of theirs that is good for everything. */
  async user(name: string): Promise<AskAs> {
    const { id } = await this.#client.calls.createUser({
      id: this.#client.newUserId(),
      name,
      administrator: false,
    });
    const scopes = ["account", "repository:admin"] as const;
    return this.as((await this.#client.makeToken({ user: id, label: "", scopes })).token);
  }
}
