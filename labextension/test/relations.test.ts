import assert from 'node:assert/strict';
import test from 'node:test';
import type { Task } from '../src/model/model';
import { Relations } from '../src/model/relations';

function tasks(...rows: [id: number, endUs: number, args?: number[], parent?: number, numReturns?: number][]): Map<number, Task> {
  return new Map(
    rows.map(([id, endUs, args = [], parent = 0, numReturns = 1]) => [
      id, { id, node: 0, lane: 0, submitUs: 0, startUs: endUs - 10, endUs, failed: false, cancelled: false, attempt: 0, numReturns, parent, args, weight: 1 }
    ])
  );
}

const ids = (found: { id: number }[]): number[] => found.map(task => task.id).sort((a, b) => a - b);

test('ancestors and descendants, the nearest first', () => {
  const relations = new Relations(tasks([10, 10], [20, 20, [10]], [30, 30, [20]], [40, 40, [30]], [50, 50]));
  assert.deepEqual(ids(relations.around(20, 10).tasks), [10, 20, 30, 40]);
  const few = relations.around(20, 3);
  assert.deepEqual(ids(few.tasks), [10, 20, 30]);
  assert.equal(few.leftOut, 1);
  assert.deepEqual(few.links, [{ from: 10, to: 20, kind: 'data' }, { from: 20, to: 30, kind: 'data' }]);
});

test('a task with several results is the maker of each', () => {
  const relations = new Relations(tasks([10, 10, [], 0, 3], [20, 20, [12, 10]]));
  assert.equal(relations.maker(12), 10);
  assert.deepEqual(relations.takersOf(10), [20]);
});

test('children are linked to who launched them', () => {
  const relations = new Relations(tasks([10, 50], [20, 20, [], 10]));
  assert.deepEqual(relations.around(10, 5).links, [{ from: 10, to: 20, kind: 'launched' }]);
  assert.deepEqual(relations.childrenOf(10), [20]);
});

test('the critical path goes back to the source that ended last', () => {
  const relations = new Relations(tasks([10, 10], [20, 40], [30, 90, [10, 20]], [40, 80]));
  assert.deepEqual(relations.criticalPath().map(task => task.id), [20, 30]);
});

test('a circle of tasks ends', () => {
  const relations = new Relations(tasks([10, 10, [20]], [20, 20, [10]]));
  assert.equal(relations.criticalPath().length, 2);
  assert.equal(relations.around(10, 9).tasks.length, 2);
});

test('no tasks, no path', () => {
  assert.deepEqual(new Relations(new Map()).criticalPath(), []);
});
