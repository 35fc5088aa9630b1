import assert from 'node:assert/strict';
import test from 'node:test';
import { firstOf } from '../src/model/first';

test('the first of many are those that sorting would give, also among equals', () => {
  let seed = 12;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (const size of [0, 1, 5, 40, 500]) {
    for (const most of [1, 3, 20]) {
      const items = Array.from({ length: size }, (_, at) => ({ key: Math.floor(random() * 9), at }));
      const compare = (a: { key: number }, b: { key: number }): number => a.key - b.key;
      assert.deepEqual(firstOf(items, compare, most), [...items].sort(compare).slice(0, most));
    }
  }
});

test('it looks at each only a few times', () => {
  let compared = 0;
  const items = Array.from({ length: 50_000 }, (_, at) => (at * 7_919) % 50_000);
  firstOf(items, (a, b) => (compared++, a - b), 300);
  assert.ok(compared < 150_000, String(compared));
});
