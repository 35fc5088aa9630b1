/** The first of many in an order, without sorting all of them. Pure. */

/** Return the first `most` of `items`, in order: as `[...items].sort(compare).slice(0, most)`. */
export function firstOf<T>(items: Iterable<T>, compare: (a: T, b: T) => number, most: number): T[] {
  const kept: T[] = [];
  let last: T | undefined;
  const tidy = (): void => {
    kept.sort(compare);
    if (kept.length > most) kept.length = most;
    if (kept.length === most) last = kept[most - 1];
  };
  for (const item of items) {
    // What is equal to the last that is kept came later, and stays behind it.
    if (last !== undefined && compare(item, last) >= 0) continue;
    kept.push(item);
    if (kept.length >= 4 * most) tidy();
  }
  tidy();
  return kept;
}
