/**
 * What frames look like on the way from the kernel: see `ray_jupyter/dashboard/frames.py`.
 *
 * Rows are arrays; the columns of each table stand in `COLUMNS` of `dashboard/model.py`. A row of
 * a table with places (`cells`, `nodes`, `edges`, `lanes`) begins with its place.
 */

export type CellRow = [place: number, id: string, label: string];

export type NodeRow = [
  place: number, name: string, kind: string, cell: number, live: number, running: number,
  finished: number, failed: number, retries: number, wallUs: number, maxUs: number,
  firstUs: number, lastUs: number,
  /** Cancelled tasks are not among the failed ones; pictures saved by older versions do not say. */
  cancelled?: number
];

export type EdgeRow = [place: number, from: number, to: number, kind: number, count: number];

export type LaneRow = [
  place: number, worker: number, pid: number, activity: string, actor: string, node: number,
  task: number, sinceUs: number, tasks: number, cpu: number, rssBytes: number, machine: string
];

export type TaskRow = [
  id: number, node: number, lane: number, submitUs: number, startUs: number, endUs: number,
  /** 0 finished, 1 failed, 2 cancelled. */
  status: number, attempt: number, numReturns: number, parent: number, args: number[],
  weight: number
];

export type ErrorRow = [task: number, type: string, text: string];

export type ObjectRow = [
  id: number, sizeBytes: number, location: string, holders: number, pids: number[], pins: number,
  isBeingMade: boolean, node: number, names: string[],
  /** How many of the holders are drivers, workers, functions, other objects, tasks. */
  kinds: number[],
  /** What the value looks like: `ndarray (10,) float64`. */
  look: string
];

export type LogRow = [atUs: number, task: number, pid: number, stream: string, text: string];

export type BinRow = [bin: number, busy: number, node: number];

export interface Bins {
  width_us: number;
  lanes: Record<string, BinRow[]>;
  /** Whether these are all there are, or those that changed. */
  all: boolean;
}

export interface Frame {
  version: number;
  session: string;
  kind: 'snapshot' | 'delta';
  seq: number;
  now_us: number;
  totals: Record<string, number>;
  cells: CellRow[];
  nodes: NodeRow[];
  edges: EdgeRow[];
  lanes: LaneRow[];
  tasks: TaskRow[];
  errors: ErrorRow[];
  bins: Bins;
  objects?: ObjectRow[];
  logs?: LogRow[];
  hints?: string[];
  is_over?: boolean;
  /** It comes from a notebook's file: nothing says that the session is still there. Only hosts set it. */
  is_kept?: boolean;
  /** Somebody said that nobody looks: frames are rare until somebody who does objects. */
  is_slow?: boolean;
  started_ms?: number;
}

/** What a view may ask the kernel: see `ray_jupyter/dashboard/requests.py`. */
export type Request =
  | { ask: 'start' }
  | { ask: 'slow' }
  | { ask: 'snapshot' }
  | { ask: 'cancel'; session: string; task: number; force?: boolean }
  | { ask: 'resume'; session: string; task: number }
  | { ask: 'task'; session: string; task: number }
  | { ask: 'tasks'; start_us: number; end_us: number };

export interface Answer {
  status: 'ok' | 'error';
  text?: string;
  frame?: Frame | null;
  tasks?: TaskRow[];
  /** Of a task: name (or nothing) and text of each; nothing where they cannot be told. */
  arguments?: [name: string, text: string][] | null;
  /** Why a task cannot run again; empty where it can. */
  obstacle?: string;
  of?: number;
}
