/**
 * The dashboard's state: what frames add up to. No DOM, no clock.
 *
 * Rules
 *  - Everything is bounded: the newest tasks, logs and measurements are kept.
 *  - Applying a frame twice changes nothing; after a gap deltas are ignored until a snapshot.
 */

import { Colours, GREY } from './colours';
import type { BinRow, ErrorRow, Frame, LaneRow, LogRow, NodeRow, ObjectRow, TaskRow } from './wire';

export const TASKS_MAX = 50_000;
const LOGS_MAX = 2_000;
const SAMPLES_MAX = 600;

export interface Node {
  place: number;
  name: string;
  kind: string;
  cell: number;
  live: number;
  running: number;
  finished: number;
  failed: number;
  cancelled: number;
  retries: number;
  wallUs: number;
  maxUs: number;
  firstUs: number;
  lastUs: number;
  /** The place of its colour. */
  colour: number;
}

export interface Edge {
  from: number;
  to: number;
  kind: 'launched' | 'data';
  count: number;
}

export interface Lane {
  place: number;
  worker: number;
  pid: number;
  activity: string;
  actor: string;
  node: number;
  task: number;
  sinceUs: number;
  tasks: number;
  cpu: number;
  rssBytes: number;
  /** The machine on which it runs; empty where there is only this one. */
  machine: string;
}

export interface Task {
  id: number;
  node: number;
  lane: number;
  submitUs: number;
  /** -1 if it never ran. */
  startUs: number;
  /** -1 while it runs. */
  endUs: number;
  failed: boolean;
  cancelled: boolean;
  attempt: number;
  numReturns: number;
  parent: number;
  args: number[];
  weight: number;
}

export interface Sample {
  atUs: number;
  cpu: number;
  rssBytes: number;
}

export class Model {
  session = '';
  seq = 0;
  nowUs = 0;
  isOver = false;
  /** It is a picture from a notebook's file, and nothing has been heard since. */
  isKept = false;
  startedMs = 0;
  totals: Record<string, number> = {};
  cells: { id: string; label: string }[] = [];
  nodes: Node[] = [];
  edges: Edge[] = [];
  lanes: Lane[] = [];
  tasks = new Map<number, Task>();
  errors = new Map<number, { type: string; text: string }>();
  objects: ObjectRow[] = [];
  logs: LogRow[] = [];
  hints: string[] = [];
  binWidthUs = 0;
  /** By lane, then by bin. */
  bins = new Map<number, Map<number, BinRow>>();
  samples = new Map<number, Sample[]>();
  /** Grows with each frame that was applied. */
  revision = 0;
  /** Grows when nodes or edges come: the graph then needs new places. */
  shape = 0;

  private waitsForSnapshot = true;
  private colours = new Colours();

  /** Take a frame; return whether anything changed. */
  apply(frame: Frame): boolean {
    const isNew = frame.session !== this.session;
    if (frame.kind === 'snapshot') {
      if (!isNew && frame.seq < this.seq) return false;
      this.begin(frame, isNew);
    } else if (isNew || this.waitsForSnapshot || frame.seq <= this.seq) {
      return false;
    } else if (frame.seq !== this.seq + 1) {
      this.waitsForSnapshot = true;
      return false;
    }
    this.seq = frame.seq;
    this.nowUs = frame.now_us;
    this.totals = frame.totals;
    this.isOver = frame.is_over ?? false;
    this.isKept = frame.is_kept ?? false;
    for (const [place, id, label] of frame.cells) this.cells[place] = { id, label };
    for (const row of frame.nodes) this.takeNode(row);
    for (const [place, from, to, kind, count] of frame.edges) {
      if (!this.edges[place]) this.shape++;
      this.edges[place] = { from, to, kind: kind === 0 ? 'launched' : 'data', count };
    }
    for (const row of frame.lanes) this.takeLane(row, frame.now_us);
    this.takeTasks(frame.tasks);
    this.takeErrors(frame.errors);
    this.takeBins(frame);
    if (frame.objects) this.objects = frame.objects;
    if (frame.hints) this.hints = frame.hints;
    if (frame.logs) this.takeLogs(frame.logs, frame.kind === 'snapshot');
    this.revision++;
    return true;
  }

  /** Whether a gap was found, or nothing came yet: then only a snapshot helps. */
  get isStale(): boolean {
    return this.waitsForSnapshot;
  }

  /** Take single tasks that were asked for: older ones, of a stretch of time. */
  takeTasks(rows: readonly TaskRow[]): void {
    for (const row of rows) {
      const [id, node, lane, submitUs, startUs, endUs, status, attempt, numReturns, parent, args, weight] = row;
      this.tasks.delete(id); // so that the order is that of arrival
      if (status === 0) this.errors.delete(id); // it ran once more
      this.tasks.set(id, {
        id, node, lane, submitUs, startUs, endUs, failed: status === 1, cancelled: status === 2, attempt, numReturns, parent, args, weight
      });
    }
    if (this.tasks.size > TASKS_MAX) {
      for (const id of this.tasks.keys()) {
        if (this.tasks.size <= TASKS_MAX) break;
        this.tasks.delete(id);
      }
    }
  }

  /** The tasks that run now, as far as is known, as tasks without an end. */
  running(): Task[] {
    return this.lanes
      .filter(lane => lane.task !== 0 && lane.activity !== 'GONE')
      .map(lane => ({
        id: lane.task, node: lane.node, lane: lane.place, submitUs: lane.sinceUs, startUs: lane.sinceUs,
        endUs: -1, failed: false, cancelled: false, attempt: 0, numReturns: 1, parent: 0, args: [], weight: 1
      }));
  }

  task(id: number): Task | undefined {
    return this.running().find(task => task.id === id) ?? this.tasks.get(id); // it may run once more
  }

  /** How a node is called where its cell is not seen. */
  nameOf(place: number): string {
    return this.nodes[place]?.name ?? 'unknown';
  }

  /** The place of a node's colour. */
  colourOf(place: number): number {
    return this.nodes[place]?.colour ?? GREY;
  }

  cellOf(place: number): { id: string; label: string } | undefined {
    const node = this.nodes[place];
    const cell = node && this.cells[node.cell];
    return cell && cell.id !== '' ? cell : undefined;
  }

  private begin(frame: Frame, isNew: boolean): void {
    this.waitsForSnapshot = false;
    if (isNew) {
      this.tasks.clear();
      this.logs = [];
      this.samples.clear();
      this.objects = [];
      this.errors.clear();
    }
    this.session = frame.session;
    this.startedMs = frame.started_ms ?? 0;
    if (isNew || this.nodes.length > frame.nodes.length) {
      this.colours = new Colours();
      this.cells = [];
      this.nodes = [];
      this.edges = [];
      this.lanes = [];
      this.shape++;
    }
  }

  private takeNode(row: NodeRow): void {
    const [place, name, kind, cell, live, running, finished, failed, retries, wallUs, maxUs, firstUs, lastUs, cancelled = 0] = row;
    if (!this.nodes[place]) this.shape++;
    this.nodes[place] = {
      place, name, kind, cell, live, running, finished, failed, cancelled, retries, wallUs, maxUs, firstUs, lastUs,
      colour: this.colours.of(name)
    };
  }

  private takeLane(row: LaneRow, atUs: number): void {
    const [place, worker, pid, activity, actor, node, task, sinceUs, tasks, cpu, rssBytes, machine = ''] = row;
    this.lanes[place] = { place, worker, pid, activity, actor, node, task, sinceUs, tasks, cpu, rssBytes, machine };
    const samples = this.samples.get(place) ?? [];
    this.samples.set(place, samples);
    const last = samples[samples.length - 1];
    if (rssBytes && (!last || last.cpu !== cpu || last.rssBytes !== rssBytes)) {
      if (last && last.atUs === atUs) samples.pop();
      samples.push({ atUs, cpu, rssBytes });
      if (samples.length > SAMPLES_MAX) samples.splice(0, samples.length - SAMPLES_MAX);
    }
  }

  private takeErrors(rows: readonly ErrorRow[]): void {
    for (const [task, type, text] of rows) this.errors.set(task, { type, text });
    for (const task of this.errors.keys()) {
      if (this.errors.size <= LOGS_MAX) break;
      this.errors.delete(task);
    }
  }

  private takeLogs(rows: readonly LogRow[], isSnapshot: boolean): void {
    const lastUs = this.logs[this.logs.length - 1]?.[0] ?? -1;
    // A snapshot tells again what deltas have told.
    this.logs.push(...(isSnapshot ? rows.filter(row => row[0] > lastUs) : rows));
    if (this.logs.length > LOGS_MAX) this.logs.splice(0, this.logs.length - LOGS_MAX);
  }

  private takeBins(frame: Frame): void {
    const { width_us: widthUs, lanes, all } = frame.bins;
    if (all) this.bins.clear();
    this.binWidthUs = widthUs;
    for (const [key, rows] of Object.entries(lanes)) {
      const lane = Number(key);
      const bins = this.bins.get(lane) ?? new Map<number, BinRow>();
      this.bins.set(lane, bins);
      for (const row of rows) bins.set(row[0], row);
    }
  }
}
