/**
 * Consistent hashing with virtual nodes.
 *
 * A key's position is the first 8 bytes, big-endian, of its SHA-256. Each node owns
 * `RING_TOKENS_PER_WEIGHT` positions for each unit of weight, drawn from SHA-256 of its id, so that
 * every process computes the same ring from the same nodes. A key belongs to the nodes that follow its
 * position.
 *
 * Invariants: replicas are distinct nodes; they spread over as many zones as there are, as evenly as
 * the zones' nodes allow. A node that joins takes keys from others and moves none between them; one
 * that leaves gives its own away and moves no others (zone spread may shift single replicas).
 *
 * @module
 */

import { createHash } from "node:crypto";
import { assert } from "../assert.ts";
import { RING_TOKENS_PER_WEIGHT } from "../limits.ts";

/** A node on the ring. */
export interface RingNode {
  /** Decides its tokens: kept for life. */
  readonly id: string;
  /** Failure domain: machines that may fail together. */
  readonly zone: string;
  /** Share of the keys against other nodes; 0 owns nothing. */
  readonly weight: number;
}

/** A position on the ring: 64 bits in two halves, because numbers hold 53. */
export interface RingPosition {
  /** The upper 32 bits. */
  readonly high: number;
  /** The lower 32 bits. */
  readonly low: number;
}

/** An immutable ring. */
export class HashRing {
  /** The nodes, in order of their ids. */
  readonly nodes: readonly RingNode[];
  readonly #zoneCount: number;
  /** Tokens in rising order: upper and lower halves, and the index of the node that owns each. */
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #owner: Uint32Array;

  /** Makes the ring of some nodes, whose order does not matter. */
  constructor(nodes: readonly RingNode[]) {
    this.nodes = nodes.toSorted((a, b) => a.id < b.id ? -1 : 1);
    assert(new Set(nodes.map(({ id }) => id)).size === nodes.length, "Node ids are distinct");
    const owning = this.nodes.filter((node) => tokenCount(node) > 0);
    this.#zoneCount = new Set(owning.map(({ zone }) => zone)).size;
    const tokens = sortedTokens(this.nodes);
    this.#high = tokens.high;
    this.#low = tokens.low;
    this.#owner = tokens.owner;
  }

  /** How many tokens the ring has. */
  get tokenCount(): number {
    return this.#owner.length;
  }

  /** The nodes that hold a key, the preferred one first: `count` of them, or all when there are fewer. */
  replicas(key: string, count: number): readonly RingNode[] {
    return this.replicasAt(ringPosition(key), count);
  }

  /** The nodes that hold the keys at a position. */
  replicasAt(position: RingPosition, count: number): readonly RingNode[] {
    const picked: RingNode[] = [];
    const walk = new Walk(this, this.#firstToken(position));
    // One round takes at most one node of each zone; the next round begins with the skipped ones.
    while (picked.length < count) {
      const before = picked.length;
      this.#pickRound(walk, picked, count);
      if (picked.length === before) break;
    }
    return picked;
  }

  /** The owner of the token `index` steps clockwise; only for walks over this ring. */
  ownerAt(index: number): RingNode {
    return this.nodes[this.#owner[index % this.#owner.length]!]!;
  }

  #pickRound(walk: Walk, picked: RingNode[], count: number): void {
    const zones = new Set<string>();
    for (let step = 0; picked.length < count && zones.size < this.#zoneCount; step++) {
      const node = walk.node(step);
      if (node === undefined) return;
      if (zones.has(node.zone) || picked.includes(node)) continue;
      zones.add(node.zone);
      picked.push(node);
    }
  }

  /** Index of the first token at or after a position; the last token's follower is the first. */
  #firstToken(position: RingPosition): number {
    let low = 0;
    let high = this.#owner.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBefore(middle, position)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isBefore(token: number, position: RingPosition): boolean {
    const high = this.#high[token]!;
    return high < position.high || (high === position.high && this.#low[token]! < position.low);
  }
}

/** The distinct nodes met on the way around the ring, found as far as they are asked for. */
class Walk {
  readonly #ring: HashRing;
  readonly #start: number;
  readonly #found: RingNode[] = [];
  #steps = 0;

  constructor(ring: HashRing, start: number) {
    this.#ring = ring;
    this.#start = start;
  }

  /** The distinct node number `index`; undefined when the ring has no more. */
  node(index: number): RingNode | undefined {
    while (this.#found.length <= index && this.#steps < this.#ring.tokenCount) {
      const node = this.#ring.ownerAt(this.#start + this.#steps++);
      if (!this.#found.includes(node)) this.#found.push(node);
    }
    return this.#found[index];
  }
}

/** Where a key lies on every ring. */
export function ringPosition(key: string): RingPosition {
  const digest = createHash("sha256").update(key).digest();
  return { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) };
}

function tokenCount(node: RingNode): number {
  assert(node.weight >= 0 && Number.isFinite(node.weight), "A weight is finite and not negative");
  return Math.round(node.weight * RING_TOKENS_PER_WEIGHT);
}

interface Tokens {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly owner: Uint32Array;
}

/** All tokens in rising order; equal ones, should that ever happen, in order of the node ids. */
function sortedTokens(nodes: readonly RingNode[]): Tokens {
  const { high, low, owner } = drawTokens(nodes);
  const order = Uint32Array.from(owner, (_, index) => index);
  order.sort((a, b) => high[a]! - high[b]! || low[a]! - low[b]! || owner[a]! - owner[b]!);
  return {
    high: order.map((index) => high[index]!),
    low: order.map((index) => low[index]!),
    owner: order.map((index) => owner[index]!),
  };
}

/** The nodes' tokens, node by node: four from each SHA-256 of an id and a number. */
function drawTokens(nodes: readonly RingNode[]): Tokens {
  const count = nodes.reduce((sum, node) => sum + tokenCount(node), 0);
  const high = new Uint32Array(count);
  const low = new Uint32Array(count);
  const owner = new Uint32Array(count);
  let filled = 0;
  for (const [index, node] of nodes.entries()) {
    const end = filled + tokenCount(node);
    for (let block = 0; filled < end; block++) {
      const digest = createHash("sha256").update(`${node.id}\0${block}`).digest();
      for (let at = 0; at < digest.length && filled < end; at += 8, filled++) {
        high[filled] = digest.readUInt32BE(at);
        low[filled] = digest.readUInt32BE(at + 4);
        owner[filled] = index;
      }
    }
  }
  return { high, low, owner };
}
