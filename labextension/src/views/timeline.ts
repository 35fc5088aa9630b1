/**
 * The timeline: a lane for each worker. From afar tiles that tell how busy it was and with what;
 * near by the single tasks. All of the session can be reached.
 */

import { button, el, say, set } from '../drawing/dom';
import { themeOf, type Theme } from '../drawing/palette';
import { CanvasPen, SvgPen, type Pen, type Picture } from '../drawing/pen';
import { rowsOf, type Row } from '../model/machines';
import type { Model, Task } from '../model/model';
import { ACTIVITIES, counted, cut, duration, moment } from '../model/words';
import { AXIS, labelWidth, Lanes, placeOf, RIGHT, type Drawn, type Hit, type Span } from './lanes';
import { drawLegend, Legend } from './legend';
import type { Stage, Table, View } from './view';

const LANE_MIN = 24;
const LANE_MAX = 52;
const OVERVIEW_PART = 0.36;
const SHORTEST_US = 200;

export class TimelineView implements View {
  readonly id = 'timeline';
  readonly title = 'Timeline';
  readonly element = el('div', { class: 'pane' });

  private readonly canvas = el('canvas', { class: 'lanes', tabindex: 0, role: 'img' });
  private readonly scroll = el('div', { class: 'scroll' });
  private readonly tip = el('div', { class: 'tip', hidden: true });
  private readonly note = el('span');
  private readonly liveButton: HTMLButtonElement;
  private readonly legend: Legend | undefined;
  private readonly empty = el('div', { class: 'empty' }, 'No worker has done anything yet.');
  private span: Span | undefined;
  private drag: { from: number; to: number } | undefined;
  private hits: Hit[] = [];
  private stage: Stage | undefined;
  private asked: Span | undefined;
  private lane = LANE_MIN;

  /** `hasLegend` says which colour is which function: not needed where the graph stands beside it. */
  constructor(hasLegend = true) {
    this.legend = hasLegend ? new Legend() : undefined;
    this.liveButton = button('All', 'Show the whole session and follow it', () => this.zoom(undefined));
    const near = button('+', 'Zoom in', () => this.scale(0.5));
    const far = button('−', 'Zoom out', () => this.scale(2));
    const left = button('◀', 'Earlier', () => this.move(-0.3));
    const right = button('▶', 'Later', () => this.move(0.3));
    this.scroll.append(this.empty, this.canvas, this.tip);
    this.element.append(el('div', { class: 'row' }, this.liveButton, near, far, left, right, this.note));
    if (this.legend) this.element.append(this.legend.element);
    this.element.append(this.scroll);
    this.listen();
  }

  update(stage: Stage): void {
    this.stage = stage;
    const { model } = stage;
    const lanes = rowsOf(model.lanes.filter(Boolean));
    this.empty.hidden = lanes.length > 0;
    this.canvas.hidden = !lanes.length;
    if (!lanes.length) return;
    this.legend?.update(stage);
    const width = this.scroll.clientWidth;
    this.lane = Math.max(LANE_MIN, Math.min(LANE_MAX, (this.room(stage) - AXIS - 4) / lanes.length));
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
    const { note, hits, marks } = this.draw(new CanvasPen(context, theme.font), width, lanes, theme, stage);
    this.hits = hits;
    if (this.drag) {
      const from = Math.min(this.drag.from, this.drag.to);
      new CanvasPen(context, theme.font).rect(from, 0, Math.abs(this.drag.to - this.drag.from), height - AXIS, theme.accent, 0.2);
    }
    set(this.canvas, { 'data-marks': marks });
    say(this.note, note);
    set(this.liveButton, { 'aria-pressed': String(!this.span) });
    set(this.canvas, { 'aria-label': `Timeline of ${counted(model.lanes.filter(Boolean).length, 'worker')}. ${note}. Arrow keys move, plus and minus zoom.` });
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
          placeOf(lane), ACTIVITIES[lane.activity]?.word ?? '', lane.node < 0 ? '' : model.nameOf(lane.node), duration(busy),
          most ? model.nameOf(most[0]) : ''
        ];
      })
    };
  }

  picture(stage: Stage): Picture[] {
    const lanes = rowsOf(stage.model.lanes.filter(Boolean));
    const theme = themeOf(this.element);
    const width = Math.max(400, this.scroll.clientWidth);
    const pen = new SvgPen();
    this.draw(pen, width, lanes, theme, stage);
    const own = pen.picture(width, lanes.length * this.lane + AXIS);
    return this.legend ? [drawLegend(stage.model, width, theme), own] : [own];
  }

  /** How high the lanes may be together; in the overview they leave the graph its part. */
  private room(stage: Stage): number {
    if (this.legend) return this.scroll.clientHeight;
    return stage.isNarrow ? 0 : (this.element.parentElement?.clientHeight ?? 0) * OVERVIEW_PART;
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

  private draw(pen: Pen, width: number, lanes: readonly Row[], theme: Theme, stage: Stage): Drawn {
    return new Lanes(pen, lanes, width, this.lane, this.shown(stage), theme, stage).draw();
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
    const left = labelWidth(width, this.stage!.model.lanes);
    return span.from + ((x - left) / (width - left - RIGHT)) * (span.to - span.from);
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
      if (x < labelWidth(this.scroll.clientWidth, this.stage?.model.lanes ?? [])) return;
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
    say(this.tip, `${model.nameOf(task.node)} ${model.cellOf(task.node)?.label ?? ''}\n${took}${waited}${task.cancelled ? '\n⊘ cancelled' : error ? `\n✕ ${cut(error.text || error.type, 120)}` : ''}`);
    this.tip.style.left = `${Math.max(0, Math.min(x + 12, this.scroll.clientWidth - 220))}px`;
    this.tip.style.top = `${y + 16}px`;
  }
}

function lastUs(model: Model): number {
  return Math.max(0, ...model.nodes.map(node => node?.lastUs ?? 0));
}
