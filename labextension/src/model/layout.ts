/**
 * Where the nodes of a directed graph go: in ranks, few crossings, and steady: a node that has a
 * place keeps its order among its rank when others come. Pure.
 *
 * Sugiyama's method, as in `compat2016/layered.py`: a node's rank is the length of the longest
 * path to it; ranks are ordered by the mean place of neighbours.
 */

export interface Size {
  along: number;
  across: number;
}

export interface Placed {
  rank: number;
  /** Of the centre, in the direction of the edges. */
  along: number;
  /** Of the centre, across it. */
  across: number;
}

export interface Layout {
  nodes: Map<number, Placed>;
  along: number;
  across: number;
}

const SWEEPS = 6;

/** Place nodes; `before` is the layout that was shown, whose order is kept where it can be. */
export function layOut(
  ids: readonly number[],
  edges: readonly (readonly [number, number])[],
  size: Size,
  gap: Size,
  before?: Layout
): Layout {
  const ranks = rankOf(ids, edges);
  const rows: number[][] = [];
  for (const id of ids) (rows[ranks.get(id) ?? 0] ??= []).push(id);
  for (let i = 0; i < rows.length; i++) rows[i] ??= [];
  const above = new Map<number, number[]>();
  const below = new Map<number, number[]>();
  for (const [from, to] of edges) {
    if (from === to || !ranks.has(from) || !ranks.has(to)) continue;
    (above.get(to) ?? above.set(to, []).get(to)!).push(from);
    (below.get(from) ?? below.set(from, []).get(from)!).push(to);
  }
  const place = new Map<number, number>();
  for (const row of rows) {
    const old = (id: number): number => before?.nodes.get(id)?.across ?? Number.MAX_SAFE_INTEGER;
    row.sort((a, b) => old(a) - old(b) || a - b);
    row.forEach((id, index) => place.set(id, (index + 0.5) / row.length));
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const neighbours = sweep % 2 ? below : above;
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      const mean = new Map(row.map(id => [id, meanOf(neighbours.get(id), place, place.get(id) ?? 0)]));
      row.sort((a, b) => mean.get(a)! - mean.get(b)! || place.get(a)! - place.get(b)!);
      row.forEach((id, index) => place.set(id, (index + 0.5) / row.length));
    }
  }
  return positions(rows, above, below, size, gap);
}

/** The length of the longest path to each node; what lies on a circle is taken in order. */
export function rankOf(ids: readonly number[], edges: readonly (readonly [number, number])[]): Map<number, number> {
  const targets = new Map<number, number[]>(ids.map(id => [id, []]));
  const missing = new Map<number, number>(ids.map(id => [id, 0]));
  for (const [from, to] of edges) {
    if (from === to || !targets.has(from) || !targets.has(to)) continue;
    targets.get(from)!.push(to);
    missing.set(to, missing.get(to)! + 1);
  }
  const ranks = new Map<number, number>(ids.map(id => [id, 0]));
  const ready = ids.filter(id => missing.get(id) === 0);
  const waiting = new Set(ids.filter(id => missing.get(id) !== 0));
  while (ready.length || waiting.size) {
    const id = ready.length ? ready.pop()! : (waiting.values().next().value as number);
    waiting.delete(id);
    for (const to of targets.get(id)!) {
      if (!waiting.has(to)) continue;
      ranks.set(to, Math.max(ranks.get(to)!, ranks.get(id)! + 1));
      missing.set(to, missing.get(to)! - 1);
      if (missing.get(to) === 0) {
        waiting.delete(to);
        ready.push(to);
      }
    }
  }
  return ranks;
}

/**
 * Edges that nobody sees, so that nodes without a connection do not stand in one long row or column:
 * alone ones in rows of `columns`, or, where there is one column, all groups one after the other.
 */
export function orderOf(ids: readonly number[], edges: readonly (readonly [number, number])[], columns: number): [number, number][] {
  const group = new Map<number, number>(ids.map(id => [id, id]));
  const head = (id: number): number => {
    let at = id;
    while (group.get(at)! !== at) at = group.get(at)!;
    return at;
  };
  for (const [from, to] of edges) {
    if (!group.has(from) || !group.has(to)) continue;
    const [a, b] = [head(from), head(to)];
    group.set(Math.max(a, b), Math.min(a, b));
  }
  const groups = new Map<number, number[]>();
  for (const id of ids) (groups.get(head(id)) ?? groups.set(head(id), []).get(head(id))!).push(id);
  const found: [number, number][] = [];
  if (columns > 1) {
    const alone = [...groups.values()].filter(members => members.length === 1).map(members => members[0]!);
    alone.forEach((id, at) => {
      if (at % columns) found.push([alone[at - 1]!, id]);
    });
    return found;
  }
  const ranks = rankOf(ids, edges);
  let before: number[] = [];
  for (const members of groups.values()) {
    const last = Math.max(...before.map(id => ranks.get(id)!));
    const first = members.filter(id => ranks.get(id) === 0);
    const ends = before.filter(id => ranks.get(id) === last);
    for (const from of ends.slice(0, 1)) for (const to of first) found.push([from, to]);
    before = members;
  }
  return found;
}

function positions(
  rows: readonly number[][],
  above: ReadonlyMap<number, number[]>,
  below: ReadonlyMap<number, number[]>,
  size: Size,
  gap: Size
): Layout {
  const step = size.across + gap.across;
  const across = new Map<number, number>();
  for (const row of rows) row.forEach((id, index) => across.set(id, index * step));
  for (let sweep = 0; sweep < 2 * SWEEPS; sweep++) {
    const neighbours = sweep % 2 ? above : below;
    for (const row of sweep % 2 ? rows : [...rows].reverse()) {
      const wished = row.map(id => meanOf(neighbours.get(id), across, across.get(id)!));
      spread(wished, step).forEach((value, index) => across.set(row[index]!, value));
    }
  }
  const low = Math.min(0, ...across.values());
  const nodes = new Map<number, Placed>();
  let most = 0;
  rows.forEach((row, rank) => {
    for (const id of row) {
      const at = across.get(id)! - low + size.across / 2;
      most = Math.max(most, at + size.across / 2);
      nodes.set(id, { rank, along: rank * (size.along + gap.along) + size.along / 2, across: at });
    }
  });
  return { nodes, along: Math.max(0, rows.length * (size.along + gap.along) - gap.along), across: most };
}

/** Places in order, no two nearer than `step`: the mean of packing from both sides. */
function spread(wished: readonly number[], step: number): number[] {
  const right = [...wished];
  const left = [...wished];
  for (let i = 1; i < right.length; i++) right[i] = Math.max(right[i]!, right[i - 1]! + step);
  for (let i = left.length - 2; i >= 0; i--) left[i] = Math.min(left[i]!, left[i + 1]! - step);
  return right.map((value, i) => (value + left[i]!) / 2);
}

function meanOf(ids: readonly number[] | undefined, values: ReadonlyMap<number, number>, otherwise: number): number {
  if (!ids || !ids.length) return otherwise;
  let sum = 0;
  for (const id of ids) sum += values.get(id) ?? otherwise;
  return sum / ids.length;
}
