/**
 * The timeline: a lane for each worker. From afar tiles that tell how busy it was and with what;
 * near by the single tasks. All of the session can be reached.
 */

import { CanvasPen, SvgPen, type Pen } from '../drawing/pen';
import { button, el, say, set } from '../drawing/dom';
import { colourOf, themeOf, type Theme } from '../drawing/palette';
import type { Lane, Model, Task } from '../model/model';
import { ACTIVITIES, count, counted, cut, duration, moment } from '../model/words';
import type { Stage, Table, View } from './view';

const LANE_MIN = 24;
const LANE_MAX = 38;
const LABEL = 112;
const AXIS = 20;
const SINGLES_MAX = 5_000;
const SHORTEST_US = 200;

interface Span {
  from: number;
  to: number;
}

interface Hit {
  x: number;
  y: number;
  width: number;
  height: number;
  task: Task;
}

export class TimelineView implements View {
  readonly id = 'timeline';
  readonly title = 'Timeline';
  readonly element = el('div', { class: 'pane' });

  private readonly canvas = el('canvas', { class: 'lanes', tabindex: 0, role: 'img' });
  private readonly scroll = el('div', { class: 'scroll' });
  private readonly tip = el('div', { class: 'tip', hidden: true });
  private readonly note = el('span');
  private readonly liveButton: HTMLButtonElement;
  private readonly empty = el('div', { class: 'empty' }, 'No worker has done anything yet.');
  private span: Span | undefined;
  private drag: { from: number; to: number } | undefined;
  private hits: Hit[] = [];
  private stage: Stage | undefined;
  private asked: Span | undefined;
  private lane = LANE_MIN;

  constructor() {
    this.liveButton = button('All', 'Show the whole session and follow it', () => this.zoom(undefined));
    const near = button('+', 'Zoom in', () => this.scale(0.5));
    const far = button('−', 'Zoom out', () => this.scale(2));
    const left = button('◀', 'Earlier', () => this.move(-0.3));
    const right = button('▶', 'Later', () => this.move(0.3));
    this.scroll.append(this.empty, this.canvas, this.tip);
    this.element.append(el('div', { class: 'row' }, this.liveButton, near, far, left, right, this.note), this.scroll);
    this.listen();
  }

  update(stage: Stage): void {
    this.stage = stage;
    const { model } = stage;
    const lanes = model.lanes.filter(Boolean);
    this.empty.hidden = lanes.length > 0;
    this.canvas.hidden = !lanes.length;
    if (!lanes.length) return;
    const width = this.scroll.clientWidth;
    this.lane = Math.max(LANE_MIN, Math.min(LANE_MAX, (this.scroll.clientHeight - AXIS - 4) / lanes.length));
    const height = lanes.length * this.lane + AXIS;
    const ratio = window.devicePixelRatio || 1;
    if (width < 1) return;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.height = `${height}px`;
    }
    const context = this.canvas.getContext('2d');
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const theme = themeOf(this.element);
    const note = this.draw(new CanvasPen(context, theme.font), width, lanes, theme, stage);
    say(this.note, note);
    set(this.liveButton, { 'aria-pressed': String(!this.span) });
    set(this.canvas, { 'aria-label': `Timeline of ${counted(lanes.length, 'worker')}. ${note}. Arrow keys move, plus and minus zoom.` });
  }

  table(stage: Stage): Table {
    const { model } = stage;
    const span = this.shown(stage);
    return {
      caption: `Work of each worker from ${moment(span.from, span.to - span.from)} to ${moment(span.to, span.to - span.from)}`,
      columns: ['worker', 'state', 'now', 'busy', 'most of it'],
      rows: model.lanes.filter(Boolean).map(lane => {
        const bins = [...(model.bins.get(lane.place)?.values() ?? [])].filter(
          ([at]) => (at + 1) * model.binWidthUs > span.from && at * model.binWidthUs < span.to
        );
        const byNode = new Map<number, number>();
        let busy = 0;
        for (const [, share, node] of bins) {
          busy += (share / 1000) * model.binWidthUs;
          byNode.set(node, (byNode.get(node) ?? 0) + share);
        }
        const most = [...byNode].sort((a, b) => b[1] - a[1])[0];
        return [
          nameOf(lane), ACTIVITIES[lane.activity]?.word ?? '', lane.node < 0 ? '' : model.nameOf(lane.node), duration(busy),
          most ? model.nameOf(most[0]) : ''
        ];
      })
    };
  }

  picture(stage: Stage): string {
    const lanes = stage.model.lanes.filter(Boolean);
    const theme = themeOf(this.element);
    const width = Math.max(400, this.scroll.clientWidth);
    const pen = new SvgPen(width, lanes.length * this.lane + AXIS, theme.ground, theme.font);
    this.draw(pen, width, lanes, theme, stage);
    return pen.toString();
  }

  /** What is seen now, in microseconds of the session. */
  shown(stage: Stage): Span {
    if (this.span) return this.span;
    let first = Infinity;
    for (const bins of stage.model.bins.values()) {
      for (const at of bins.keys()) first = Math.min(first, at * stage.model.binWidthUs);
    }
    for (const task of stage.model.running()) first = Math.min(first, task.startUs);
    // While nothing runs the picture rests, so that a long pause does not shrink what was done.
    const to = Math.max(stage.model.totals['live'] ? stage.model.nowUs : lastUs(stage.model), 1_000);
    const from = first === Infinity ? 0 : Math.max(0, first);
    return { from: Math.min(from, to - 1_000), to };
  }

  private draw(pen: Pen, width: number, lanes: readonly Lane[], theme: Theme, stage: Stage): string {
    const { model } = stage;
    const span = this.shown(stage);
    const stretch = span.to - span.from;
    const left = Math.min(LABEL, width * 0.3);
    const scale = (width - left - 8) / stretch;
    const x = (us: number): number => left + (us - span.from) * scale;
    this.hits = [];
    const tasks: Task[] = [];
    let sampled = false;
    for (const task of model.tasks.values()) {
      if (task.lane < 0 || task.endUs < span.from || task.startUs > span.to) continue;
      tasks.push(task);
      sampled ||= task.weight > 1;
    }
    const single = tasks.length <= SINGLES_MAX;
    const withTiles = !single || sampled;
    const rows = new Map(lanes.map((lane, index) => [lane.place, index]));
    lanes.forEach((lane, index) => {
      const y = index * this.lane;
      const sign = ACTIVITIES[lane.activity]?.sign ?? '';
      pen.text(6, y + this.lane / 2 + 4, `${sign} ${cut(nameOf(lane), 15)}`, lane.activity === 'GONE' ? theme.faint : theme.ink, 11);
      pen.rect(left, y + 3, width - left - 8, this.lane - 6, theme.raised);
    });
    if (withTiles) this.tiles(pen, lanes, stage, x, span, single ? 0.35 : 1);
    if (single) this.singles(pen, [...tasks, ...model.running()], rows, x, span, theme, stage);
    else for (const task of model.running()) this.singles(pen, [task], rows, x, span, theme, stage);
    this.axis(pen, lanes.length * this.lane, left, width - 8, span, theme);
    if (this.drag) {
      const [a, b] = [Math.min(this.drag.from, this.drag.to), Math.max(this.drag.from, this.drag.to)];
      pen.rect(a, 0, b - a, lanes.length * this.lane, theme.accent, 0.2);
    }
    const known = `${count(tasks.length)} tasks drawn one by one`;
    const busy = single ? (sampled ? `${known}, of many more` : known) : `${count(tasks.length)} tasks as tiles; zoom in to see single ones`;
    return `${duration(stretch)} · ${busy}`;
  }

  private tiles(pen: Pen, lanes: readonly Lane[], stage: Stage, x: (us: number) => number, span: Span, alpha: number): void {
    const { model } = stage;
    lanes.forEach((lane, index) => {
      for (const [at, busy, node] of model.bins.get(lane.place)?.values() ?? []) {
        const [from, to] = [at * model.binWidthUs, (at + 1) * model.binWidthUs];
        if (to < span.from || from > span.to) continue;
        const tall = Math.max(1.5, ((this.lane - 6) * busy) / 1000);
        const start = x(Math.max(from, span.from));
        const wide = Math.max(1, x(Math.min(to, span.to)) - start);
        pen.rect(start, index * this.lane + this.lane - 3 - tall, wide, tall, colourOf(node), alpha);
      }
    });
  }

  private singles(
    pen: Pen, tasks: readonly Task[], rows: ReadonlyMap<number, number>, x: (us: number) => number, span: Span, theme: Theme, stage: Stage
  ): void {
    const open = new Map<number, number[]>();
    for (const task of [...tasks].sort((a, b) => a.startUs - b.startUs || b.endUs - a.endUs)) {
      const row = rows.get(task.lane);
      if (row === undefined) continue;
      const endUs = task.endUs < 0 ? stage.model.nowUs : task.endUs;
      const ends = (open.get(task.lane) ?? []).filter(end => end > task.startUs);
      const depth = Math.min(ends.length, 3);
      ends.push(endUs);
      open.set(task.lane, ends);
      const left = x(Math.max(task.startUs, span.from));
      const wide = Math.max(1, x(Math.min(endUs, span.to)) - left - (x(endUs) - x(task.startUs) > 4 ? 1 : 0));
      const top = row * this.lane + 4 + depth * 4;
      const tall = this.lane - 8 - depth * 4;
      const colour = colourOf(task.node);
      const isRelated = stage.node < 0 || stage.node === task.node;
      pen.rect(left, top, wide, tall, colour, !isRelated ? 0.25 : task.endUs < 0 ? 0.6 : 1);
      if (task.failed) {
        pen.rect(left, top, Math.max(wide, 2), 4, theme.bad);
        pen.outline(left, top, Math.max(wide, 2), tall, theme.bad, 1.5);
      }
      if (task.id === stage.task) pen.outline(left - 1, top - 1, wide + 2, tall + 2, theme.ink, 2);
      if (wide > 46 && !depth) pen.text(left + 5, top + tall / 2 + 4, cut(`${task.failed ? '✕ ' : ''}${stage.model.nameOf(task.node)}`, Math.floor(wide / 7)), '#ffffff', 10.5);
      this.hits.push({ x: left, y: top, width: Math.max(wide, 2), height: tall, task });
    }
  }

  private axis(pen: Pen, y: number, left: number, right: number, span: Span, theme: Theme): void {
    const stretch = span.to - span.from;
    const wanted = Math.max(2, Math.floor((right - left) / 90));
    const rough = stretch / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough) ?? rough;
    for (let at = Math.ceil(span.from / step) * step; at <= span.to; at += step) {
      const place = left + ((at - span.from) / stretch) * (right - left);
      pen.line(place, 0, place, y + 3, theme.line, 0.5);
      if (place < right - 24) pen.text(place, y + 14, moment(at, stretch), theme.faint, 10, place < left + 12 ? 'start' : 'middle');
    }
  }

  private zoom(span: Span | undefined): void {
    this.span = span;
    const stage = this.stage;
    if (!stage) return;
    if (span && !(this.asked && this.asked.from <= span.from && this.asked.to >= span.to)) {
      this.asked = span;
      stage.wantTasks(Math.floor(span.from), Math.ceil(span.to));
    }
    this.update(stage);
  }

  private scale(factor: number, around?: number): void {
    if (!this.stage) return;
    const { from, to } = this.shown(this.stage);
    const centre = around ?? (from + to) / 2;
    const next = { from: Math.max(0, centre - (centre - from) * factor), to: centre + (to - centre) * factor };
    if (next.to - next.from < SHORTEST_US) return;
    this.zoom(next.from <= 0 && next.to >= this.stage.model.nowUs ? undefined : next);
  }

  private move(part: number): void {
    if (!this.stage) return;
    const { from, to } = this.shown(this.stage);
    const by = Math.max(-from, (to - from) * part);
    this.zoom({ from: from + by, to: to + by });
  }

  private timeAt(x: number): number {
    const span = this.shown(this.stage!);
    const width = this.scroll.clientWidth;
    const left = Math.min(LABEL, width * 0.3);
    return span.from + ((x - left) / (width - left - 8)) * (span.to - span.from);
  }

  private hit(x: number, y: number): Task | undefined {
    for (let i = this.hits.length - 1; i >= 0; i--) {
      const h = this.hits[i]!;
      if (x >= h.x - 1 && x <= h.x + h.width + 1 && y >= h.y && y <= h.y + h.height) return h.task;
    }
    return undefined;
  }

  private listen(): void {
    const at = (event: MouseEvent): [number, number] => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    this.canvas.addEventListener('pointerdown', event => {
      const [x] = at(event);
      if (x < LABEL && this.scroll.clientWidth > 400) return;
      this.drag = { from: x, to: x };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener('pointermove', event => {
      const [x, y] = at(event);
      if (this.drag) {
        this.drag.to = x;
        if (this.stage) this.update(this.stage);
      }
      this.hover(x, y);
    });
    this.canvas.addEventListener('pointerup', event => {
      const drag = this.drag;
      this.drag = undefined;
      if (!this.stage || !drag) return;
      const [x, y] = at(event);
      if (Math.abs(drag.to - drag.from) > 6) {
        const [from, to] = [this.timeAt(Math.min(drag.from, drag.to)), this.timeAt(Math.max(drag.from, drag.to))];
        if (to - from >= SHORTEST_US) this.zoom({ from: Math.max(0, from), to });
      } else {
        const task = this.hit(x, y);
        this.stage.select(task?.id ?? 0);
      }
    });
    this.canvas.addEventListener('pointerleave', () => (this.tip.hidden = true));
    this.canvas.addEventListener('dblclick', () => this.zoom(undefined));
    this.canvas.addEventListener(
      'wheel',
      event => {
        if (!event.ctrlKey && !event.metaKey) return; // plain scrolling is the notebook's
        event.preventDefault();
        this.scale(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(at(event)[0]));
      },
      { passive: false }
    );
    this.canvas.addEventListener('keydown', event => {
      const acts: Record<string, () => void> = {
        ArrowLeft: () => this.move(-0.2), ArrowRight: () => this.move(0.2), '+': () => this.scale(0.5),
        '=': () => this.scale(0.5), '-': () => this.scale(2), '0': () => this.zoom(undefined)
      };
      const act = acts[event.key];
      if (!act) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
  }

  private hover(x: number, y: number): void {
    const task = this.drag ? undefined : this.hit(x, y);
    this.tip.hidden = !task;
    if (!task || !this.stage) return;
    const { model } = this.stage;
    const took = task.endUs < 0 ? `running for ${duration(model.nowUs - task.startUs)}` : duration(task.endUs - task.startUs);
    const waited = task.submitUs && task.startUs > task.submitUs ? `\nwaited ${duration(task.startUs - task.submitUs)}` : '';
    const error = model.errors.get(task.id);
    say(this.tip, `${model.nameOf(task.node)} ${model.cellOf(task.node)?.label ?? ''}\n${took}${waited}${error ? `\n✕ ${cut(error.text || error.type, 120)}` : ''}`);
    this.tip.style.left = `${Math.max(0, Math.min(x + 12, this.scroll.clientWidth - 220))}px`;
    this.tip.style.top = `${y + 16}px`;
  }
}

function lastUs(model: Model): number {
  return Math.max(0, ...model.nodes.map(node => node?.lastUs ?? 0));
}

export function nameOf(lane: Lane): string {
  return lane.actor || `worker ${lane.worker}`;
}
