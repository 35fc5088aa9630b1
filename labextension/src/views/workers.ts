/** The workers: what each does now, and how much of CPU and memory it used over time. */

import { el, say, set } from '../drawing/dom';
import { themeOf, type Theme } from '../drawing/palette';
import { CanvasPen, SvgPen, type Pen, type Picture } from '../drawing/pen';
import { headingOf, isMachine, machinesOf, rowsOf } from '../model/machines';
import type { Lane, Sample } from '../model/model';
import { ACTIVITIES, bytes, cut, duration } from '../model/words';
import { nameOf, placeOf } from './lanes';
import type { Stage, Table, View } from './view';

const HEIGHT = 34;

interface Card {
  root: HTMLElement;
  name: HTMLElement;
  what: HTMLElement;
  figures: HTMLElement;
  canvas: HTMLCanvasElement;
}

export class WorkersView implements View {
  readonly id = 'workers';
  readonly title = 'Workers';
  readonly element = el('div', { class: 'pane' });

  private readonly grid = el('div', { class: 'workers', role: 'list' });
  private readonly cards = new Map<number, Card>();
  private readonly headings = new Map<string, HTMLElement>();

  constructor() {
    this.element.append(el('div', { class: 'scroll' }, this.grid));
  }

  update(stage: Stage): void {
    const { model } = stage;
    const theme = themeOf(this.element);
    for (const lane of model.lanes.filter(Boolean)) {
      const card = this.cards.get(lane.place) ?? this.add(lane, stage);
      const activity = ACTIVITIES[lane.activity];
      set(card.root, { class: `worker ${lane.activity}` });
      say(card.name, `${activity?.sign ?? ''} ${nameOf(lane)}`);
      say(card.what, `${activity?.word ?? lane.activity}${what(lane, stage)}`);
      say(card.figures, figures(lane));
      this.sparkline(card.canvas, model.samples.get(lane.place) ?? [], lane, theme, stage);
    }
    for (const [place, card] of this.cards) {
      if (model.lanes[place]) continue;
      card.root.remove();
      this.cards.delete(place);
    }
    this.arrange(stage);
  }

  /** Put the cards below the headings of their machines, where those have names. */
  private arrange(stage: Stage): void {
    const wanted: HTMLElement[] = [];
    for (const machine of machinesOf(stage.model.lanes.filter(Boolean))) {
      if (machine.name) {
        const heading = this.headings.get(machine.name) ?? el('div', { class: 'machine', role: 'listitem' });
        this.headings.set(machine.name, heading);
        say(heading, headingOf(machine));
        wanted.push(heading);
      }
      wanted.push(...machine.lanes.map(lane => this.cards.get(lane.place)!.root));
    }
    const is = this.grid.children;
    if (wanted.length !== is.length || wanted.some((element, index) => is[index] !== element)) this.grid.replaceChildren(...wanted);
  }

  table(stage: Stage): Table {
    return {
      caption: 'Workers',
      columns: ['worker', 'pid', 'state', 'function', 'for', 'tasks with it', 'CPU', 'memory'],
      rows: stage.model.lanes.filter(Boolean).map(lane => [
        placeOf(lane), lane.pid, ACTIVITIES[lane.activity]?.word ?? lane.activity, lane.node < 0 ? '' : stage.model.nameOf(lane.node),
        lane.task ? duration(stage.model.nowUs - lane.sinceUs) : '', lane.tasks, `${Math.round(lane.cpu / 10)} %`, bytes(lane.rssBytes)
      ])
    };
  }

  picture(stage: Stage): Picture[] {
    const theme = themeOf(this.element);
    return rowsOf(stage.model.lanes.filter(Boolean)).map(lane => {
      const pen = new SvgPen();
      if (isMachine(lane)) {
        pen.text(12, 22, headingOf(lane), theme.ink, 13, 'start', 'bold');
        return pen.picture(520, 32);
      }
      const activity = ACTIVITIES[lane.activity];
      pen.text(12, 20, `${activity?.sign ?? ''} ${nameOf(lane)}`, theme.ink, 12, 'start', 'bold');
      pen.text(508, 20, figures(lane), theme.faint, 11, 'end');
      pen.text(12, 36, `${activity?.word ?? lane.activity}${what(lane, stage)}`, theme.faint, 11);
      this.lines(pen, 12, 42, 496, HEIGHT, stage.model.samples.get(lane.place) ?? [], lane, theme, stage);
      return pen.picture(520, 42 + HEIGHT + 8);
    });
  }

  private add(lane: Lane, stage: Stage): Card {
    const name = el('b');
    const what_ = el('div', { class: 'what' });
    const figures_ = el('div', { class: 'what' });
    const canvas = el('canvas', { 'aria-hidden': 'true' });
    const root = el('div', { role: 'listitem', title: 'Line: CPU. Filled: memory.' }, name, what_, figures_, canvas);
    root.addEventListener('click', () => {
      const now = stage.model.lanes[lane.place];
      if (now?.task) stage.select(now.task);
    });
    const card = { root, name, what: what_, figures: figures_, canvas };
    this.cards.set(lane.place, card);
    this.grid.append(root);
    return card;
  }

  private sparkline(canvas: HTMLCanvasElement, samples: readonly Sample[], lane: Lane, theme: Theme, stage: Stage): void {
    const width = canvas.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    if (width < 1) return;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(HEIGHT * ratio);
    }
    const context = canvas.getContext('2d');
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, HEIGHT);
    this.lines(new CanvasPen(context, theme.font), 0, 0, width, HEIGHT, samples, lane, theme, stage);
  }

  private lines(
    pen: Pen, left: number, top: number, width: number, height: number, samples: readonly Sample[], lane: Lane, theme: Theme, stage: Stage
  ): void {
    const { nowUs } = stage.model;
    pen.line(left, top + height - 0.5, left + width, top + height - 0.5, theme.line);
    const first = samples[0];
    if (!first) return;
    const stretch = Math.max(5_000_000, nowUs - first.atUs);
    const x = (us: number): number => left + width - ((nowUs - us) / stretch) * width;
    const most = Math.max(...samples.map(sample => sample.rssBytes), 1) * 1.15;
    samples.forEach((sample, index) => {
      const from = x(sample.atUs);
      const to = x(samples[index + 1]?.atUs ?? nowUs);
      const tall = (sample.rssBytes / most) * (height - 2);
      pen.rect(from, top + height - tall, Math.max(1, to - from), tall, theme.faint, 0.22);
    });
    const points = samples.map(sample => [x(sample.atUs), top + height - 1 - Math.min(1.2, sample.cpu / 1000) * (height - 4) * 0.83] as const);
    const last = points[points.length - 1]!;
    pen.path([...points, [left + width, last[1]]], lane.node < 0 ? theme.accent : theme.colours[stage.model.colourOf(lane.node)]!, 1.5);
  }
}

function what(lane: Lane, stage: Stage): string {
  if (!lane.task || lane.node < 0) return '';
  const more = lane.tasks > 1 ? ` · ${lane.tasks - 1} more with it` : '';
  return ` · ${cut(stage.model.nameOf(lane.node), 40)} for ${duration(Math.max(0, stage.model.nowUs - lane.sinceUs))}${more}`;
}

function figures(lane: Lane): string {
  if (!lane.rssBytes) return `pid ${lane.pid}`;
  return `${Math.round(lane.cpu / 10)} % of a CPU · ${bytes(lane.rssBytes)} · pid ${lane.pid}`;
}
