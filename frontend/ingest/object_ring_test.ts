import assert from "node:assert/strict";
import { SeededRandom } from "@gitstratum/core";
import { ObjectRing } from "./object_ring.ts";

const POINTER = 1000;
const BYTES = 240;
const LARGEST = BYTES / 3;

interface Standing {
  readonly place: number;
  readonly bytes: number;
}

/** Memory in which each byte tells which object was written there last. */
class Model {
  readonly #owners = new Int32Array(POINTER + BYTES).fill(-1);
  readonly #objects: Standing[] = [];

  write(ring: ObjectRing, bytes: number): Standing {
    const place = ring.reserve(bytes);
    const pointer = ring.pointerOf(place);
    assert.ok(pointer >= POINTER && pointer + bytes <= POINTER + BYTES);
    this.#owners.fill(this.#objects.length, pointer, pointer + bytes);
    const standing = { place, bytes };
    this.#objects.push(standing);
    return standing;
  }

  /** Objects of which the ring says that they are there; each is whole. */
  held(ring: ObjectRing): Standing[] {
    return this.#objects.filter(({ place, bytes }, object) => {
      if (!ring.holds(place)) return false;
      const pointer = ring.pointerOf(place);
      const owners = this.#owners.subarray(pointer, pointer + bytes);
      assert.ok(owners.every((owner) => owner === object), `object ${object} is whole`);
      return true;
    });
  }
}

Deno.test("ObjectRing holds only what nothing has overwritten, however often it grows", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed);
    const startBytes = [12, 30, 60, 120, BYTES][random.below(5)]!;
    const ring = new ObjectRing(POINTER, { bytes: BYTES, startBytes });
    const model = new Model();
    for (let step = 0; step < 60; step++) {
      const isLarge = random.below(10) === 0;
      const bytes = 1 + random.below(isLarge ? LARGEST : 4);
      const before = model.held(ring);
      const promised = before.filter(({ place }) => ring.survives(place, bytes));
      // A delta's base, just brought in, must not be lost to its result.
      const last = before.at(-1);
      if (last !== undefined) assert.ok(promised.includes(last), `seed ${seed}, step ${step}`);
      model.write(ring, bytes);
      const after = new Set(model.held(ring));
      assert.ok(promised.every((standing) => after.has(standing)), `seed ${seed}, step ${step}`);
    }
  }
});

Deno.test("ObjectRing touches only its beginning until a large object comes", () => {
  const ring = new ObjectRing(POINTER, { bytes: BYTES, startBytes: 60 });
  for (let count = 0; count < 50; count++) {
    assert.ok(ring.pointerOf(ring.reserve(20)) + 20 <= POINTER + 60);
  }
  const before = ring.reserve(20);
  const large = ring.reserve(80);
  assert.ok(ring.pointerOf(large) >= POINTER + 60);
  assert.ok(ring.holds(before));
});
