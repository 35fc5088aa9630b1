import assert from 'node:assert/strict';
import test from 'node:test';
import { layOut, orderOf, rankOf } from '../src/model/layout';

const SIZE = { along: 100, across: 40 };
const GAP = { along: 50, across: 10 };

/** A small generator of numbers, the same in every run. */
function random(seed: number): () => number {
  return () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

/** Longest paths the slow way: relax until nothing changes. */
function slowRanks(ids: number[], edges: [number, number][]): Map<number, number> {
  const ranks = new Map(ids.map(id => [id, 0]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const [from, to] of edges) {
      if (ranks.get(to)! < ranks.get(from)! + 1) {
        ranks.set(to, ranks.get(from)! + 1);
        changed = true;
      }
    }
  }
  return ranks;
}

function acyclic(seed: number): { ids: number[]; edges: [number, number][] } {
  const next = random(seed);
  const ids = Array.from({ length: 1 + Math.floor(next() * 25) }, (_, i) => i);
  const edges: [number, number][] = [];
  for (const a of ids) for (const b of ids) if (a < b && next() < 0.12) edges.push([a, b]);
  return { ids, edges };
}

test('ranks are the longest paths', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { ids, edges } = acyclic(seed);
    assert.deepEqual([...rankOf(ids, edges)].sort(), [...slowRanks(ids, edges)].sort(), `seed ${seed}`);
  }
});

test('nodes do not overlap, and edges lead forward', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const { ids, edges } = acyclic(seed);
    const { nodes, along, across } = layOut(ids, edges, SIZE, GAP);
    assert.equal(nodes.size, ids.length);
    for (const [from, to] of edges) assert.ok(nodes.get(from)!.along < nodes.get(to)!.along);
    const placed = [...nodes.values()];
    for (const one of placed) {
      assert.ok(one.across >= SIZE.across / 2 - 1e-6 && one.across <= across - SIZE.across / 2 + 1e-6);
      assert.ok(one.along <= along);
      for (const other of placed) {
        if (one !== other && one.rank === other.rank) assert.ok(Math.abs(one.across - other.across) >= SIZE.across + GAP.across - 1e-6, `seed ${seed}`);
      }
    }
  }
});

test('circles and loops end', () => {
  const { nodes } = layOut([1, 2, 3], [[1, 2], [2, 3], [3, 1], [2, 2]], SIZE, GAP);
  assert.equal(nodes.size, 3);
});

test('what has a place keeps its order when more comes', () => {
  const ids = [0, 1, 2, 3, 4, 5];
  const edges: [number, number][] = [[0, 3], [1, 4], [2, 5]];
  const before = layOut(ids, edges, SIZE, GAP);
  const after = layOut([...ids, 6, 7], [...edges, [6, 7]], SIZE, GAP, before);
  const order = (layout: typeof before, wanted: number[]): number[] =>
    [...wanted].sort((a, b) => layout.nodes.get(a)!.across - layout.nodes.get(b)!.across);
  assert.deepEqual(order(after, [0, 1, 2]), order(before, [0, 1, 2]));
  assert.deepEqual(order(after, [3, 4, 5]), order(before, [3, 4, 5]));
});

test('nothing gives nothing', () => {
  assert.equal(layOut([], [], SIZE, GAP).nodes.size, 0);
});

test('what is alone stands in rows; in one column all groups follow one another', () => {
  const edges = [[1, 2], [1, 3]] as const;
  assert.deepEqual(orderOf([1, 2, 3, 4, 5, 6, 7], edges, 3), [[4, 5], [5, 6]]);
  const stacked = orderOf([1, 2, 3, 4, 5], edges, 1);
  assert.deepEqual(stacked, [[2, 4], [4, 5]]);
  const ranks = rankOf([1, 2, 3, 4, 5], [...edges, ...stacked]);
  assert.deepEqual([...ranks.values()], [0, 1, 1, 2, 3]);
  assert.deepEqual(orderOf([], [], 1), []);
});
