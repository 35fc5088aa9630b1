/**
 * The lanes of the timeline, drawn with any pen: tiles from afar, single tasks near by, and an axis.
 * However many tasks there were, a bounded number of things is drawn.
 */

import { inkOn, type Theme } from '../drawing/palette';
import type { Pen } from '../drawing/pen';
import { headingOf, isMachine, type Row } from '../model/machines';
import type { Lane, Model, Task } from '../model/model';
import { ACTIVITIES, count, counted, cut, duration, moment } from '../model/words';
import type { Stage } from './view';

export const AXIS = 20;
export const RIGHT = 8;
/** More tasks than these in sight are drawn as tiles. */
export const SINGLES_MAX = 5_000;
const LABEL_MAX = 170;
const TICK = 64;
const LETTER = 6.3;

export interface Span {
  from: number;
  to: number;
}

/** Where a task was drawn. */
export interface Hit {
  x: number;
  y: number;
  width: number;
  height: number;
  task: Task;
}

export interface Drawn {
  note: string;
  hits: Hit[];
  /** How many tiles and tasks were drawn. */
  marks: number;
}

/** How much of a width the names of the lanes take. */
export function labelWidth(width: number, lanes: readonly Lane[]): number {
  const longest = Math.max(0, ...lanes.map(lane => (lane ? nameOf(lane).length : 0)));
  return Math.min(LABEL_MAX, width * 0.36, 34 + longest * LETTER);
}

export function nameOf(lane: Lane): string {
  return lane.actor || `worker ${lane.worker}`;
}

/** The name of a worker where the headings of machines are not seen. */
export function placeOf(lane: Lane): string {
  return lane.machine ? `${nameOf(lane)} on ${lane.machine}` : nameOf(lane);
}

/** Draws one state of the timeline; made anew for each drawing. */
export class Lanes {
  private readonly hits: Hit[] = [];
  private marks = 0;
  private readonly model: Model;
  private readonly left: number;
  private readonly x: (us: number) => number;

  constructor(
    private readonly pen: Pen,
    private readonly lanes: readonly Row[],
    private readonly width: number,
    private readonly high: number,
    private readonly span: Span,
    private readonly theme: Theme,
    private readonly stage: Stage
  ) {
    this.model = stage.model;
    this.left = labelWidth(width, stage.model.lanes);
    const scale = (width - this.left - RIGHT) / (span.to - span.from);
    this.x = us => this.left + (us - span.from) * scale;
  }

  draw(): Drawn {
    const { model, span, theme, pen, high } = this;
    const stretch = span.to - span.from;
    const tasks: Task[] = [];
    let sampled = false;
    for (const task of model.tasks.values()) {
      if (task.lane < 0 || task.endUs < span.from || task.startUs > span.to) continue;
      tasks.push(task);
      sampled ||= task.weight > 1;
    }
    const single = tasks.length <= SINGLES_MAX;
    this.lanes.forEach((lane, index) => {
      const y = index * high;
      if (isMachine(lane)) {
        pen.text(8, y + high / 2 + 6, headingOf(lane), theme.ink, 11, 'start', 'bold');
        return;
      }
      const isGone = lane.activity === 'GONE';
      const room = Math.floor((this.left - 26) / LETTER);
      pen.text(8, y + high / 2 + 4, ACTIVITIES[lane.activity]?.sign ?? '', isGone ? theme.faint : theme.ink, 11);
      pen.text(22, y + high / 2 + 4, cut(nameOf(lane), room), isGone ? theme.faint : theme.ink, 11);
      pen.rect(this.left, y + 3, this.width - this.left - RIGHT, high - 6, theme.raised);
    });
    this.axis();
    if (!single || sampled) this.tiles(single ? 0.35 : 1);
    this.singles(single ? [...tasks, ...model.running()] : model.running());
    const known = `${counted(this.hits.length, 'task')} drawn one by one`;
    const busy = single ? (sampled ? `${known}, of many more` : known) : `${count(tasks.length)} tasks as tiles; zoom in to see single ones`;
    return { note: `${duration(stretch)} · ${busy}`, hits: this.hits, marks: this.marks };
  }

  private tiles(alpha: number): void {
    const { model, span, high, theme } = this;
    this.lanes.forEach((lane, index) => {
      if (isMachine(lane)) return;
      for (const [at, busy, node] of model.bins.get(lane.place)?.values() ?? []) {
        const [from, to] = [at * model.binWidthUs, (at + 1) * model.binWidthUs];
        if (to < span.from || from > span.to) continue;
        const tall = Math.max(1.5, ((high - 6) * busy) / 1000);
        const start = this.x(Math.max(from, span.from));
        const wide = Math.max(1, this.x(Math.min(to, span.to)) - start);
        const fade = this.stage.node >= 0 && this.stage.node !== node ? 0.3 : 1;
        this.pen.rect(start, index * high + high - 3 - tall, wide, tall, theme.colours[model.colourOf(node)]!, alpha * fade);
        this.marks++;
      }
    });
  }

  private singles(tasks: readonly Task[]): void {
    const rows = new Map(this.lanes.flatMap((lane, index) => (isMachine(lane) ? [] : [[lane.place, index] as const])));
    const open = new Map<number, number[]>();
    for (const task of [...tasks].sort((a, b) => a.startUs - b.startUs || b.endUs - a.endUs)) {
      const row = rows.get(task.lane);
      if (row === undefined) continue;
      const endUs = task.endUs < 0 ? this.model.nowUs : task.endUs;
      const ends = (open.get(task.lane) ?? []).filter(end => end > task.startUs);
      const depth = Math.min(ends.length, 3);
      ends.push(endUs);
      open.set(task.lane, ends);
      this.bar(task, endUs, row * this.high + 4 + depth * 4, this.high - 8 - depth * 4, depth === 0);
    }
  }

  /** A task: full when it has finished, hollow while it runs, with a notch and a cross when it failed, crossed out when it was cancelled. */
  private bar(task: Task, endUs: number, top: number, tall: number, isFree: boolean): void {
    const { pen, span, theme, stage, model } = this;
    const left = this.x(Math.max(task.startUs, span.from));
    const wide = Math.max(1, this.x(Math.min(endUs, span.to)) - left - (this.x(endUs) - this.x(task.startUs) > 4 ? 1 : 0));
    const colour = theme.colours[model.colourOf(task.node)]!;
    const isRelated = stage.node < 0 || stage.node === task.node;
    const isRunning = task.endUs < 0;
    pen.rect(left, top, wide, tall, colour, !isRelated ? 0.25 : isRunning ? 0.3 : 1);
    if (isRunning) pen.outline(left + 0.5, top + 0.5, Math.max(1, wide - 1), tall - 1, colour, 1.5);
    if (task.failed) {
      pen.rect(left, top, Math.max(wide, 3), 4, theme.bad);
      pen.outline(left, top, Math.max(wide, 3), tall, theme.bad, 1.5);
      if (wide > 9 && wide <= 46) pen.text(left + wide / 2, top + tall / 2 + 6, '✕', inkOn(colour), 9, 'middle');
    }
    const hasText = wide > 46 && isFree;
    if (task.cancelled && !hasText) pen.line(left, top + tall / 2, left + Math.max(wide, 3), top + tall / 2, inkOn(colour), 2);
    if (task.id === stage.task) pen.outline(left - 1, top - 1, wide + 2, tall + 2, theme.ink, 2);
    if (hasText) {
      const text = cut(`${task.failed ? '✕ ' : task.cancelled ? '⊘ ' : ''}${model.nameOf(task.node)}`, Math.floor((wide - 8) / 6));
      pen.text(left + 5, top + tall / 2 + 4, text, isRunning || !isRelated ? theme.ink : inkOn(colour), 10.5);
    }
    this.hits.push({ x: left, y: top, width: Math.max(wide, 2), height: tall, task });
    this.marks++;
  }

  private axis(): void {
    const { pen, span, theme, left } = this;
    const y = this.lanes.length * this.high;
    const right = this.width - RIGHT;
    const stretch = span.to - span.from;
    const rough = stretch / Math.max(2, Math.floor((right - left) / TICK));
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough) ?? rough;
    for (let at = Math.ceil(span.from / step) * step; at <= span.to; at += step) {
      const place = left + ((at - span.from) / stretch) * (right - left);
      pen.line(place, 0, place, y + 3, theme.line, 0.5);
      if (place < right - 24) pen.text(place, y + 14, moment(at, stretch), theme.faint, 10, place < left + 12 ? 'start' : 'middle');
    }
  }
}
