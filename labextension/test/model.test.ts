import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Model, TASKS_MAX } from '../src/model/model';
import { headingOf, isMachine, rowsOf } from '../src/model/machines';
import type { Frame, LaneRow, NodeRow, TaskRow } from '../src/model/wire';
import { endedOf, outcomeOf } from '../src/model/words';

interface Recording {
  frames: Frame[];
  /** What the kernel's own model said at the end. */
  last: Frame;
}

const recording = JSON.parse(readFileSync('test/recording.json', 'utf8')) as Recording;

function frame(change: Partial<Frame>): Frame {
  return {
    version: 1, session: 's', kind: 'delta', seq: 1, now_us: 0, totals: {}, cells: [], nodes: [], edges: [], lanes: [],
    tasks: [], errors: [], bins: { width_us: 100, lanes: {}, all: false }, ...change
  };
}

const task = (id: number): TaskRow => [id, 0, 0, 1, 2, 3, 0, 0, 1, 0, [], 1];

function stateOf(model: Model): unknown {
  return {
    totals: model.totals, cells: model.cells, nodes: model.nodes, edges: model.edges, width: model.binWidthUs,
    lanes: model.lanes.map(lane => ({ ...lane, cpu: 0, rssBytes: 0 })),
    bins: [...model.bins].sort((a, b) => a[0] - b[0]).map(([lane, bins]) => [lane, [...bins.values()].sort((a, b) => a[0] - b[0])])
  };
}

test('a recorded session: deltas add up to what the snapshot at the end says', () => {
  const [first] = recording.frames;
  const followed = new Model();
  followed.apply(first!);
  for (const next of recording.frames.slice(1)) if (next.kind === 'delta') assert.ok(followed.apply(next) || next.seq <= followed.seq);
    else followed.apply({ ...next, tasks: [] });
  const late = new Model();
  late.apply(recording.last);
  assert.deepEqual(stateOf(followed), stateOf(late));
});

test('a frame that comes twice changes nothing', () => {
  const model = new Model();
  model.apply(recording.frames[0]!);
  const delta = frame({ session: model.session, seq: model.seq + 1, tasks: [task(7)], totals: { live: 1 } });
  assert.ok(model.apply(delta));
  const before = JSON.stringify([...model.tasks]);
  assert.ok(!model.apply(delta));
  assert.equal(JSON.stringify([...model.tasks]), before);
});

test('after a gap only a snapshot helps', () => {
  const model = new Model();
  assert.ok(!model.apply(frame({ seq: 5 })), 'a delta without a snapshot');
  assert.ok(model.isStale);
  assert.ok(model.apply(frame({ kind: 'snapshot', seq: 5 })));
  assert.ok(!model.apply(frame({ seq: 7, totals: { live: 3 } })), 'frame 6 is missing');
  assert.ok(!model.apply(frame({ seq: 8 })));
  assert.deepEqual(model.totals, {});
  assert.ok(model.apply(frame({ kind: 'snapshot', seq: 9, totals: { live: 4 } })));
  assert.ok(model.apply(frame({ seq: 10, totals: { live: 5 } })));
  assert.equal(model.totals['live'], 5);
});

test('a new session begins with nothing of the old one', () => {
  const model = new Model();
  model.apply(frame({ kind: 'snapshot', seq: 9, tasks: [task(1)], nodes: [[0, 'f', 'task', 0, 0, 0, 1, 0, 0, 1, 1, 0, 1]] }));
  model.apply(frame({ kind: 'snapshot', session: 'other', seq: 1 }));
  assert.equal(model.tasks.size, 0);
  assert.equal(model.nodes.length, 0);
  assert.equal(model.seq, 1);
});

test('an older snapshot of the same session is not taken', () => {
  const model = new Model();
  model.apply(frame({ kind: 'snapshot', seq: 9 }));
  assert.ok(!model.apply(frame({ kind: 'snapshot', seq: 8, totals: { live: 1 } })));
});

test('the newest tasks are kept', () => {
  const model = new Model();
  model.apply(frame({ kind: 'snapshot', seq: 1 }));
  for (let i = 0; i < 11; i++) {
    model.takeTasks(Array.from({ length: TASKS_MAX / 10 }, (_, j) => task(1 + i * (TASKS_MAX / 10) + j)));
  }
  assert.equal(model.tasks.size, TASKS_MAX);
  assert.ok(!model.tasks.has(1));
});

test('a snapshot does not repeat log lines that deltas told', () => {
  const model = new Model();
  model.apply(frame({ kind: 'snapshot', seq: 1 }));
  model.apply(frame({ seq: 2, logs: [[5, 1, 1, 'stdout', 'a']] }));
  model.apply(frame({ kind: 'snapshot', seq: 3, logs: [[5, 1, 1, 'stdout', 'a'], [6, 1, 1, 'stdout', 'b']] }));
  assert.deepEqual(model.logs.map(row => row[4]), ['a', 'b']);
});

test('workers stand below their machines, in the order in which those came', () => {
  const model = new Model();
  const lane = (place: number, activity: string, machine: string): LaneRow => [place, place, 100 + place, activity, '', -1, 0, 0, 0, 0, 0, machine];
  model.apply(frame({ kind: 'snapshot', lanes: [lane(0, 'RUNNING', 'a'), lane(1, 'GONE', 'b'), lane(2, 'IDLE', 'a')] }));
  const rows = rowsOf(model.lanes).map(row => (isMachine(row) ? headingOf(row) : row.worker));
  assert.deepEqual(rows, ['a · 1 of 2 workers busy', 0, 2, 'b · gone', 1]);
  model.apply(frame({ seq: 2, lanes: [lane(0, 'IDLE', ''), lane(1, 'IDLE', ''), lane(2, 'IDLE', '')] }));
  assert.equal(rowsOf(model.lanes).filter(isMachine).length, 0, 'one machine needs no name');
});

test('cancelled tasks are none that failed; pictures from before said nothing of them', () => {
  const model = new Model();
  const node = (...rest: number[]): NodeRow => [0, 'work', 'task', 0, 0, 0, 1, 2, 0, 9, 9, 1, 9, ...rest] as unknown as NodeRow;
  const cancelled = task(8);
  cancelled[6] = 2;
  model.apply(frame({ kind: 'snapshot', nodes: [node(3)], tasks: [task(7), cancelled] }));
  assert.deepEqual([...model.tasks.values()].map(outcomeOf), ['✓ finished', '⊘ cancelled']);
  assert.deepEqual([model.nodes[0]!.failed, model.nodes[0]!.cancelled, endedOf(model.nodes[0]!)], [2, 3, 6]);
  model.apply(frame({ kind: 'snapshot', seq: 2, nodes: [node()] }));
  assert.equal(endedOf(model.nodes[0]!), 3);
});
