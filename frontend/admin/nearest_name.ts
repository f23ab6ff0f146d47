/**
 * What somebody may have meant who mistyped a name.
 *
 * @module
 */

/** Names that are looked at: a listing of a server may have many more. */
const NAME_COUNT_MAX = 10_000;
/** Names that are suggested. */
const SUGGESTION_COUNT_MAX = 3;
/** Longer names are not compared: the time of a comparison grows with the square. */
const NAME_LENGTH_MAX = 250;

/** The names closest to `wanted`, the closest first; none that is far from it. */
export function nearestNames(wanted: string, names: Iterable<string>): readonly string[] {
  const distanceMax = Math.max(1, Math.floor(wanted.length / 3));
  const found: { readonly name: string; readonly distance: number }[] = [];
  let count = 0;
  for (const name of names) {
    if (++count > NAME_COUNT_MAX) break;
    if (Math.abs(name.length - wanted.length) > distanceMax) continue;
    const distance = editDistance(wanted.toLowerCase(), name.toLowerCase());
    if (distance <= distanceMax) found.push({ name, distance });
  }
  found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return found.filter(({ distance }) => distance <= found[0]!.distance + 1)
    .slice(0, SUGGESTION_COUNT_MAX).map(({ name }) => name);
}

/** A question that names them; empty when there are none. */
export function didYouMean(names: readonly string[]): string {
  if (names.length === 0) return "";
  return `; did you mean ${names.join(" or ")}?`;
}

/**
 * Characters to insert, remove, replace, or swap with their neighbours (the optimal string alignment
 * distance).
 */
export function editDistance(one: string, other: string): number {
  if (one.length > NAME_LENGTH_MAX || other.length > NAME_LENGTH_MAX) return Infinity;
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      let least = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        least = Math.min(least, before[j - 2]! + 1);
      }
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[other.length]!;
}
