/**
 * One run: a cluster, clients, faults, and in the end peace, in which everything that was promised is
 * looked for.
 *
 * @module
 */

import { assert, PARTITION_COUNT, SeededRandom } from "@gitstratum/core";
import { RELEASE_LEVEL } from "@gitstratum/core/rpc";
import { checkAccounts } from "./checks/accounts.ts";
import { checkCopies } from "./checks/copies.ts";
import { checkHistories } from "./checks/histories.ts";
import { checkMemory, heldMemory } from "./checks/memory.ts";
import { findOrphans } from "./checks/orphans.ts";
import { type Counts, RunRecord, type Violation } from "./checks/run_record.ts";
import { rootPlace } from "./clients/fork_book.ts";
import { SimClient } from "./clients/sim_client.ts";
import { RECEIVER_HOST, WebhookReceiver } from "./clients/webhook_receiver.ts";
import { Operator } from "./clients/operator.ts";
import { ServedPartitions } from "./cluster/served_partitions.ts";
import { UNREACHED_GRACE_MS } from "./cluster/metadata_role.ts";
import { RollingUpgrade } from "./cluster/rolling_upgrade.ts";
import { SimCluster } from "./cluster/sim_cluster.ts";
import { addWebhook } from "./cluster/webhook_egress.ts";
import { type Mutation, NO_MUTATION } from "./faults/mutation.ts";
import { Nemesis } from "./faults/nemesis.ts";
import { Scarcity } from "./faults/scarcity.ts";
import { LINGER_MS_MAX } from "./world/exchange.ts";
import { RealTimeBan } from "./world/real_time_ban.ts";

/** What to run. */
export interface SimulationOptions {
  /** Decides everything. */
  readonly seed: number;
  /** A planted bug. */
  readonly mutation?: Mutation;
  /** Ends the run at the first thing that is wrong; what follows from it costs much time. */
  readonly stopsAtFirst?: boolean;
  /** How long things go wrong, in simulated milliseconds. */
  readonly troubleMs?: number;
  /** Told what happens, line by line. */
  readonly onLine?: (line: string) => void;
  /** Told of every event. */
  readonly onTrace?: (line: string) => void;
}

/** What came of it. */
export interface SimulationReport {
  readonly seed: number;
  /** Equal for equal runs. */
  readonly traceHash: string;
  /** Events that ran. */
  readonly eventCount: number;
  /** How long it took in the simulated world, in milliseconds. */
  readonly simulatedMs: number;
  readonly violations: readonly Violation[];
  readonly counts: Counts;
  readonly faults: ReadonlyMap<string, number>;
}

/** Every so manieth partition is served: most runs have eight, some two or one. */
const PARTITION_STEPS = [32, 32, 128, PARTITION_COUNT];
/** What clients of a run are busy with: most do all that they can. */
const BUSINESSES = ["tokens", "forks", "names", ...Array<undefined>(8)] as const;
/** Owns every repository. */
const OWNER = "sim";
const CLIENT_COUNT = 4;
const START_MS_MAX = 60_000;
const TROUBLE_MS = 20_000;
/** A cluster in peace is well again after so long, in milliseconds. */
const RECOVERY_MS_MAX = 180_000;
/** No message takes longer to its arrival, in milliseconds. */
const LATENCY_MS_MAX = 10_000;
/** Everything has all its copies after so long, in milliseconds. */
const COPYING_MS_MAX = 600_000;
/** Beyond all times of grace for what nobody names. */
const GRACE_JUMP_MS = 26 * 3600_000;
/** How long clients go on after the jump, in milliseconds. */
const SECOND_LIFE_MS = 30_000;
/** What goes wrong then: much is collected, and no disk is lost again. */
const SECOND_WEIGHTS = {
  "chores": 40,
  "lose a disk": 0,
  "rot": 0,
  "clock jump": 0,
  "power of all object nodes": 0,
} as const;

/** What makes other dice of a seed. */
const SCARCITY_SEED = 0x5ca2c17e;

/** Runs a seed. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  using run = new Run(options);
  return await run.run();
}

class Run implements Disposable {
  readonly #options: SimulationOptions;
  readonly #cluster: SimCluster;
  readonly #record: RunRecord;
  /** Repositories that live through the whole run. */
  readonly #repositories: readonly string[];
  readonly #nemesis: Nemesis;
  readonly #secondNemesis: Nemesis;
  /** Whether clients go on after a day. */
  readonly #livesTwice: boolean;
  readonly #scarcity: Scarcity | undefined;
  readonly #planted: Disposable;
  readonly #upgrade: RollingUpgrade | undefined;
  readonly #operator: Operator;
  readonly #clients: readonly SimClient[];
  readonly #judge: SimClient;
  readonly #receiver: WebhookReceiver;
  readonly #ban: RealTimeBan;
  #readCount = 0;
  #nameCount = 0;
  readonly #onRejection: (event: PromiseRejectionEvent) => void;

  constructor(options: SimulationOptions) {
    const { seed, mutation = NO_MUTATION, onLine = () => {}, onTrace } = options;
    this.#options = options;
    const random = new SeededRandom(seed);
    const steps = mutation.isNarrow ? [PARTITION_COUNT] : PARTITION_STEPS;
    const served = new ServedPartitions(steps[random.below(steps.length)]!);
    this.#repositories = [`${OWNER}/a`, `${OWNER}/b`].map((prefix) => served.name(prefix));
    const passing = [`${OWNER}/x`, `${OWNER}/y`].map((prefix) => served.name(prefix));
    this.#record = new RunRecord(onLine);
    this.#cluster = new SimCluster({
      seed: random.next(),
      mutation,
      served,
      objectCount: 4,
      onLine,
    });
    const isUpgraded = mutation.isUpgraded || (mutation === NO_MUTATION && random.chance(0.1));
    if (isUpgraded) {
      this.#upgrade = new RollingUpgrade(this.#cluster, new SeededRandom(random.next()));
    }
    if (onTrace) this.#cluster.loop.trace.listen(onTrace);
    this.#operator = new Operator(this.#cluster.network, new SeededRandom(random.next()));
    this.#nemesis = new Nemesis(this.#cluster, {
      random: new SeededRandom(random.next()),
      operator: this.#operator,
      mutation,
    });
    this.#secondNemesis = new Nemesis(this.#cluster, {
      random: new SeededRandom(random.next()),
      operator: this.#operator,
      mutation: { ...mutation, weights: { ...mutation.weights, ...SECOND_WEIGHTS } },
    });
    // With a planted bug only where that shows it: it takes as long as all the rest.
    const isAgain = random.chance(0.35);
    this.#livesTwice = mutation.livesTwice || (mutation === NO_MUTATION && isAgain);
    const business = BUSINESSES[random.below(BUSINESSES.length)];
    const busyWith = mutation === NO_MUTATION ? business : mutation.busyWith;
    const frontends = this.#cluster.frontends.map(({ id }) => id as string);
    const { network } = this.#cluster;
    const client = (name: string) =>
      new SimClient(name, {
        network,
        record: this.#record,
        random: new SeededRandom(random.next()),
        frontends,
        lasting: this.#repositories,
        passing,
        isCrowded: mutation.isCrowded,
        busyWith,
        newName: (prefix) => served.name(`${prefix}-${++this.#nameCount}`),
      });
    this.#clients = Array.from({ length: CLIENT_COUNT }, (_, index) => client(`client-${index}`));
    this.#judge = client("judge");
    this.#receiver = new WebhookReceiver(network, {
      record: this.#record,
      random: new SeededRandom(random.next()),
    });
    // Its dice are its own: others fall as if it were not there.
    const scarce = new SeededRandom(seed ^ SCARCITY_SEED);
    const isScarce = scarce.chance(0.2) && mutation === NO_MUTATION;
    if (mutation.lacksRoom || isScarce) this.#scarcity = new Scarcity(this.#cluster, scarce);
    this.#planted = mutation.plant();
    this.#ban = new RealTimeBan(this.#cluster.loop);
    // Code of a process that has ended may still fail; whatever else is nobody's is a bug.
    this.#onRejection = (event) => {
      event.preventDefault();
      const { reason } = event;
      if (reason instanceof Error && reason.name === "PowerLoss") return;
      this.#record.violate(
        "bug",
        `Nobody awaits: ${reason instanceof Error ? reason.stack : reason}`,
      );
    };
    globalThis.addEventListener("unhandledrejection", this.#onRejection);
  }

  async run(): Promise<SimulationReport> {
    await this.#begin();
    const phases = [
      () => this.#suffer(),
      () => this.#recover(),
      () => this.#lackRoom(),
      () => this.#judgeUpgrade(),
      () => this.#judgeReferences(),
      () => this.#judgeAccounts(),
      () => this.#judgeObjects(),
      () => this.#liveAgain(),
      () => this.#sweep(),
    ];
    for (const phase of phases) {
      if (this.#options.stopsAtFirst && this.#record.violations.length > 0) break;
      await phase();
    }
    const { loop, bugs } = this.#cluster;
    for (const offence of this.#ban.offences) this.#record.violate("bug", offence);
    this.#options.onLine?.(`Bugs told: ${bugs.length}`);
    return {
      seed: this.#options.seed,
      traceHash: loop.trace.hash,
      eventCount: loop.eventCount,
      simulatedMs: loop.nowMs,
      violations: this.#record.violations,
      counts: this.#record.counts,
      faults: summed(this.#nemesis.counts, this.#secondNemesis.counts),
    };
  }

  /** A cluster that is up, with repositories. */
  async #begin(): Promise<void> {
    const { loop } = this.#cluster;
    await loop.open();
    this.#cluster.start();
    const isUp = await loop.run(() => this.#isWell(), START_MS_MAX);
    assert(isUp, "A cluster that nothing disturbs starts");
    await this.#until(this.#claimAdministrator(), START_MS_MAX);
    await addWebhook(this.#cluster.store, OWNER, RECEIVER_HOST);
    const founding = Promise.all(this.#repositories.map((name) => this.#judge.found(name)));
    assert(await this.#until(founding, START_MS_MAX), "An undisturbed cluster makes repositories");
    Object.assign(this.#cluster.network.faults, this.#options.mutation?.network);
  }

  /** The first administrator's token, by which clients do everything. */
  async #claimAdministrator(): Promise<void> {
    const { client } = this.#cluster.frontends[0]!.opened!.accounts;
    this.#record.tokens.master = await client.claimFirstAdministrator("admin");
  }

  async #suffer(): Promise<void> {
    const { mutation, troubleMs = mutation?.troubleMs ?? TROUBLE_MS } = this.#options;
    this.#upgrade?.begin(troubleMs, mutation?.upgradeLevel);
    await this.#work(this.#nemesis, troubleMs);
  }

  /** Clients work while things go wrong. */
  async #work(nemesis: Nemesis, ms: number): Promise<void> {
    const { loop } = this.#cluster;
    const working = Promise.all(this.#clients.map((client) => client.run()));
    nemesis.start();
    await loop.run(() => {
      checkMemory(this.#cluster, this.#record);
      return false;
    }, loop.nowMs + ms);
    nemesis.end();
    for (const client of this.#clients) client.stop();
    if (await this.#until(working, RECOVERY_MS_MAX)) return;
    this.#record.violate("liveness", "Clients are not answered, nor given up");
  }

  /** Pushes are decided that no tables have room for, and it takes a day until they have. */
  async #lackRoom(): Promise<void> {
    const scarcity = this.#scarcity;
    if (scarcity === undefined) return;
    const { loop } = this.#cluster;
    const working = Promise.all(this.#clients.map((client) => client.run()));
    scarcity.begin();
    await loop.run(() => false, loop.nowMs + scarcity.lengthMs);
    for (const client of this.#clients) client.stop();
    if (!await this.#until(working, RECOVERY_MS_MAX)) {
      this.#record.violate("liveness", "Clients of full nodes are not answered, nor given up");
    }
    // Nothing that was sent before takes a day.
    await loop.run(() => false, loop.nowMs + LINGER_MS_MAX + LATENCY_MS_MAX);
    this.#jump();
    if (scarcity.lastsOverChores) await this.#until(this.#doChores(), RECOVERY_MS_MAX);
    scarcity.end();
    await this.#until(this.#doChores(), RECOVERY_MS_MAX);
    await this.#recover();
  }

  async #recover(): Promise<void> {
    const { loop } = this.#cluster;
    // What was sent before is done by then, or never.
    await loop.run(() => false, loop.nowMs + LINGER_MS_MAX + LATENCY_MS_MAX);
    if (!await this.#until(this.#operator.takeAllBack(), RECOVERY_MS_MAX)) {
      this.#record.violate("liveness", "The control plane does not answer");
    }
    const isWell = await loop.run(() => this.#isWell(), loop.nowMs + RECOVERY_MS_MAX);
    if (isWell) return;
    const bad = this.#cluster.nodes.filter(({ opened }) => opened === undefined)
      .map(({ id }) => id);
    this.#record.violate("liveness", `The cluster is not well: ${bad.join(" ")}`);
  }

  /** A cluster of which every node was upgraded speaks the newest level soon. */
  async #judgeUpgrade(): Promise<void> {
    const upgrade = this.#upgrade;
    if (upgrade === undefined) return;
    const isRisen = () => upgrade.levels.every((level) => level === RELEASE_LEVEL);
    const { loop } = this.#cluster;
    if (await loop.run(isRisen, loop.nowMs + RECOVERY_MS_MAX)) return;
    this.#record.violate("liveness", `Upgraded nodes speak levels ${upgrade.levels}`);
  }

  /** Reads everything through every frontend. */
  async #judgeReferences(): Promise<void> {
    const reading = this.#readAll();
    if (!await this.#until(reading, RECOVERY_MS_MAX)) {
      this.#record.violate("liveness", "A cluster in peace does not answer");
    }
    checkHistories(this.#record);
  }

  async #readAll(): Promise<void> {
    this.#readCount++;
    const forks = this.#record.forks.all.filter(({ isLiving }) => isLiving);
    const places = [...this.#repositories.map(rootPlace), ...forks];
    for (const [index, place] of places.entries()) {
      for (const [number, { id }] of this.#cluster.frontends.entries()) {
        const references = await this.#insist(() => this.#judge.list(id, place));
        if (references === undefined || references === "gone") continue;
        // To clone costs most of a run: each time through one of the frontends.
        if ((index + number + this.#readCount) % this.#cluster.frontends.length !== 0) continue;
        const tips = [...new Set(references.values())];
        await this.#insist(async () => await this.#judge.fetch(id, place, tips) ? true : undefined);
      }
    }
  }

  /** Asks a few times: what was lost before may still be missed by those who keep connections. */
  async #insist<T>(ask: () => Promise<T | undefined>): Promise<T | undefined> {
    for (let attempt = 0; attempt < 4; attempt++) {
      const answer = await ask();
      if (answer !== undefined) return answer;
    }
    this.#record.violate("P4", "A cluster in peace does not serve what it shows");
    return undefined;
  }

  async #judgeAccounts(): Promise<void> {
    const checking = checkAccounts({
      record: this.#record,
      tokens: this.#judge.tokens,
      frontends: this.#cluster.frontends.map(({ id }) => id),
      repository: this.#repositories[0]!,
      sleep: (ms) => this.#judge.sleep(ms),
    });
    if (await this.#until(checking, RECOVERY_MS_MAX)) return;
    this.#record.violate("liveness", "A cluster in peace does not tell who somebody is");
  }

  async #judgeObjects(): Promise<void> {
    for (const { opened } of this.#cluster.objects) opened?.ring?.upkeep.compareSoon();
    const missing = await this.#gone(() => checkCopies(this.#cluster.objects));
    if (missing.length > 0) this.#record.violate("copies", missing.slice(0, 5).join("; "));
  }

  /** A day later clients go on while everything is collected that nobody reaches any more. */
  async #liveAgain(): Promise<void> {
    if (!this.#livesTwice) return;
    this.#jump();
    await this.#until(this.#doChores(), RECOVERY_MS_MAX);
    await this.#work(this.#secondNemesis, SECOND_LIFE_MS);
    await this.#recover();
    await this.#judgeReferences();
    const { loop } = this.#cluster;
    this.#jump();
    await this.#until(this.#doChores(), RECOVERY_MS_MAX);
    await loop.run(() => false, loop.nowMs + UNREACHED_GRACE_MS);
  }

  /** Lets all times of grace pass, sweeps, and looks again. */
  async #sweep(): Promise<void> {
    // A partition that changes hands between two nodes' chores is swept in the next round, and what such
    // a change leaves behind is one more day old by then.
    const orphans = await this.#gone(async () => {
      this.#jump();
      await this.#doChores();
      return await findOrphans(this.#cluster);
    });
    if (orphans.length > 0) this.#record.violate("orphans", orphans.slice(0, 5).join(" "));
    const untold = await this.#gone(() => Promise.resolve(this.#receiver.missing()));
    if (untold.length > 0) this.#record.violate("webhooks", `Untold: ${untold.slice(0, 5)}`);
    const held = await this.#gone(() => Promise.resolve(heldMemory(this.#cluster)));
    if (held.length > 0) this.#record.violate("P9", held.join("; "));
    const before = this.#record.violations.length;
    if (!await this.#until(this.#readAll(), RECOVERY_MS_MAX)) {
      this.#record.violate("liveness", "A swept cluster does not answer");
    }
    if (this.#record.violations.length > before) {
      this.#record.violate("P6", "A sweep took what references need");
    }
  }

  /** All wall clocks are a day ahead, once more. */
  #jump(): void {
    const clocks = this.#cluster.nodes.map(({ host }) => host.clock);
    const wallOffsetMs = Math.max(...clocks.map((clock) => clock.wallOffsetMs)) + GRACE_JUMP_MS;
    for (const clock of clocks) Object.assign(clock, { wallOffsetMs });
  }

  async #doChores(): Promise<void> {
    for (const { opened } of this.#cluster.metadata) await opened?.upkeep();
  }

  /** Looks again and again until nothing is found, or for too long: what was found last. */
  async #gone(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
    const { loop } = this.#cluster;
    const untilMs = loop.nowMs + COPYING_MS_MAX;
    for (;;) {
      const looking = look();
      const isDone = await this.#until(looking, RECOVERY_MS_MAX);
      const found = isDone ? await looking : ["The look does not end"];
      if (found.length === 0 || loop.nowMs >= untilMs) return found;
      await loop.run(() => false, loop.nowMs + 5000);
    }
  }

  #isWell(): boolean {
    const { nodes, metadata, frontends } = this.#cluster;
    return nodes.every(({ opened }) => opened !== undefined) &&
      metadata.every(({ opened }) => opened!.ready) &&
      frontends.every(({ opened }) => opened!.accounts.view.revision > 0);
  }

  /** Lets time pass until something is done; whether it was, in time. */
  async #until(work: Promise<unknown>, limitMs: number): Promise<boolean> {
    const { loop } = this.#cluster;
    let isDone = false;
    const done = () => void (isDone = true);
    work.then(done, done);
    return await loop.run(() => isDone, loop.nowMs + limitMs);
  }

  [Symbol.dispose](): void {
    this.#planted[Symbol.dispose]();
    this.#cluster[Symbol.dispose]();
    this.#ban[Symbol.dispose]();
    globalThis.removeEventListener("unhandledrejection", this.#onRejection);
  }
}

/** Counts of two nemeses. */
function summed(
  first: ReadonlyMap<string, number>,
  second: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const sums = new Map(first);
  for (const [name, count] of second) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}
