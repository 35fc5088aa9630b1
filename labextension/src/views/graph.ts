/**
 * The graph: functions of each cell, what they launch and what flows between them, with the
 * progress inside of each; or the single tasks around the selected one.
 */

import { button, el, say, set, svg } from '../drawing/dom';
import { colourAt, opaque, themeOf } from '../drawing/palette';
import type { Picture } from '../drawing/pen';
import type { Model, Node, Task } from '../model/model';
import { layOut, orderOf, rankOf, type Layout } from '../model/layout';
import type { Link } from '../model/relations';
import { count, cut, duration, endedOf, meanUsOf, outcomeOf } from '../model/words';
import type { Stage, Table, View } from './view';

const NODES_MAX = 80;
const TASKS_MAX = 250;
const TASK_SIZE = { along: 118, across: 30 };
const HEIGHT = 54;
/** How wide boxes are and how far apart, the widest that has room; in a narrow view the first. */
const DENSITIES = [{ along: 200, gap: 62 }, { along: 176, gap: 46 }, { along: 156, gap: 34 }] as const;
const MARGIN = 12;
const [FIT_MIN, FIT_MAX] = [0.62, 1.2];

interface Shape {
  key: number;
  title: string;
  critical: boolean;
  selected: boolean;
  paint(group: SVGGElement): void;
  open(): void;
}

interface Drawing {
  keys: number[];
  links: { from: number; to: number; kind: 'launched' | 'data'; label: string; critical: boolean }[];
  shapes: Shape[];
  size: { along: number; across: number };
  gap: number;
  note: string;
}

export class GraphView implements View {
  readonly id = 'graph';
  readonly title = 'Graph';
  readonly element = el('div', { class: 'pane' });

  private readonly picture_ = svg('svg', { class: 'graph', role: 'group', 'aria-label': 'Graph of functions' });
  private readonly lines = svg('g');
  private readonly boxes = svg('g');
  private readonly groups = new Map<number, SVGGElement>();
  private readonly note = el('span');
  private readonly scroll = el('div', { class: 'scroll centred' });
  private readonly empty = el('div', { class: 'empty' }, 'Nothing has run yet. Tasks appear here as soon as they are submitted.');
  private readonly tasksButton: HTMLButtonElement;
  private readonly pathButton: HTMLButtonElement;
  private layout: Layout | undefined;
  private shape = '';
  private showsTasks = false;
  private showsPath = false;
  private stage: Stage | undefined;

  constructor() {
    this.tasksButton = button('Tasks around the selection', 'Show the single tasks around the selected task', () => {
      this.showsTasks = !this.showsTasks;
      if (this.stage) this.update(this.stage);
    });
    this.pathButton = button('Critical path', 'Mark the chain of tasks that ends last', () => {
      this.showsPath = !this.showsPath;
      if (this.stage) this.update(this.stage);
    });
    const arrow = svg(
      'marker',
      { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
      svg('path', { d: 'M0,0.5 L8,4 L0,7.5 z', class: 'arrow' })
    );
    this.picture_.append(svg('defs', {}, arrow), this.lines, this.boxes);
    this.scroll.append(this.empty, this.picture_);
    this.element.append(el('div', { class: 'row' }, this.tasksButton, this.pathButton, this.note), this.scroll);
  }

  update(stage: Stage): void {
    this.stage = stage;
    set(this.tasksButton, { 'aria-pressed': String(this.showsTasks), disabled: !stage.model.tasks.has(stage.task) });
    set(this.pathButton, { 'aria-pressed': String(this.showsPath) });
    const asTasks = this.showsTasks && stage.model.tasks.has(stage.task);
    const drawing = asTasks ? this.ofTasks(stage) : this.ofNodes(stage);
    this.empty.hidden = drawing.keys.length > 0;
    say(this.note, drawing.note);
    this.place(drawing, stage, asTasks);
    this.paint(drawing, stage.isNarrow);
  }

  table(stage: Stage): Table {
    const { model } = stage;
    return {
      caption: 'Functions',
      columns: ['function', 'cell', 'kind', 'waiting', 'running', 'finished', 'failed', 'cancelled', 'repeated', 'mean', 'longest', 'gets from', 'launched by'],
      rows: model.nodes.map(node => {
        const sources = (kind: string): string =>
          model.edges.filter(e => e.to === node.place && e.kind === kind && e.count).map(e => `${model.nameOf(e.from)} (${count(e.count)})`).join(', ');
        return [
          node.name, model.cellOf(node.place)?.label ?? '', node.kind, Math.max(0, node.live - node.running), node.running,
          node.finished, node.failed, node.cancelled, node.retries, duration(meanUsOf(node)),
          duration(node.maxUs), sources('data'), sources('launched')
        ];
      })
    };
  }

  picture(): Picture[] {
    const copy = this.picture_.cloneNode(true) as SVGSVGElement;
    const from = [this.picture_, ...this.picture_.querySelectorAll<SVGElement>('*')];
    const to = [copy, ...copy.querySelectorAll<SVGElement>('*')];
    const { ground } = themeOf(this.element);
    from.forEach((source, index) => settle(source, to[index]!, ground));
    const [width, height] = [Number(copy.getAttribute('width')), Number(copy.getAttribute('height'))];
    return width && height ? [{ width, height, body: new XMLSerializer().serializeToString(copy) }] : [];
  }

  private ofNodes(stage: Stage): Drawing {
    const { model } = stage;
    const critical = this.showsPath ? criticalNodes(stage) : undefined;
    const nodes = model.nodes.filter(Boolean);
    const weight = (node: Node): number => node.live * 1_000 + node.wallUs + node.finished;
    const shown = nodes.length > NODES_MAX ? [...nodes].sort((a, b) => weight(b) - weight(a)).slice(0, NODES_MAX) : nodes;
    const keys = shown.map(node => node.place).sort((a, b) => a - b);
    const known = new Set(keys);
    const links = model.edges
      .filter(edge => edge && known.has(edge.from) && known.has(edge.to))
      .map(edge => ({
        from: edge.from, to: edge.to, kind: edge.kind, label: edge.count ? count(edge.count) : '',
        critical: critical?.links.has(`${edge.from}>${edge.to}`) ?? false
      }));
    const density = this.densityFor(keys, links, stage.isNarrow);
    const left = nodes.length - shown.length;
    const most = critical && `the critical path takes ${duration(critical.us)} in ${count(critical.tasks)} tasks`;
    return {
      keys, links, size: { along: density.along, across: HEIGHT }, gap: density.gap,
      note: [left ? `${left} quieter functions are not drawn` : '', most ?? ''].filter(Boolean).join(' · '),
      shapes: keys.map(key => {
        const node = model.nodes[key]!;
        return {
          key, critical: critical?.nodes.has(key) ?? false, selected: stage.node === key,
          title: describe(model, node), paint: group => paintNode(group, model, node, density.along), open: () => stage.select(0, key)
        };
      })
    };
  }

  /** The widest boxes with which all ranks have room. */
  private densityFor(keys: readonly number[], links: Drawing['links'], isNarrow: boolean): (typeof DENSITIES)[number] {
    const edges = links.map(link => [link.from, link.to] as const);
    const ranks = [...rankOf(keys, isNarrow ? [...edges, ...orderOf(keys, edges, 1)] : edges).values()];
    if (isNarrow) {
      const sizes = ranks.reduce((most, rank) => most.set(rank, (most.get(rank) ?? 0) + 1), new Map<number, number>());
      return Math.max(0, ...sizes.values()) > 1 ? DENSITIES[2] : DENSITIES[0];
    }
    const many = 1 + Math.max(0, ...ranks);
    return DENSITIES.find(({ along, gap }) => many * (along + gap) - gap <= this.room) ?? DENSITIES[2];
  }

  private columns(along: number, gap: number): number {
    return Math.max(2, Math.floor((this.room + gap) / (along + gap)));
  }

  private get room(): number {
    return this.scroll.clientWidth - 2 * MARGIN - 2;
  }

  private ofTasks(stage: Stage): Drawing {
    const { model } = stage;
    const { tasks, links, leftOut } = stage.relations.around(stage.task, TASKS_MAX);
    const keys = tasks.map(task => task.id).sort((a, b) => a - b);
    return {
      keys, size: TASK_SIZE, gap: 34,
      note: `${count(tasks.length)} tasks around ${model.nameOf(model.task(stage.task)?.node ?? -1)}${leftOut ? `, ${count(leftOut)} more are not drawn` : ''}`,
      links: links.map((link: Link) => ({
        ...link, label: '', critical: this.showsPath && isCritical(stage, link.from) && isCritical(stage, link.to)
      })),
      shapes: tasks.map(task => ({
        key: task.id, critical: this.showsPath && stage.isCritical(task), selected: task.id === stage.task,
        title: `${model.nameOf(task.node)}, task ${task.id}, ${outcomeOf(task).slice(2)}, ${duration(task.endUs - task.startUs)}`,
        paint: group => paintTask(group, model, task), open: () => stage.select(task.id)
      }))
    };
  }

  private place(drawing: Drawing, stage: Stage, asTasks: boolean): void {
    const drawn = drawing.links.map(link => [link.from, link.to] as const);
    const edges = asTasks ? drawn : [...drawn, ...orderOf(drawing.keys, drawn, stage.isNarrow ? 1 : this.columns(drawing.size.along, drawing.gap))];
    const shape = `${asTasks}|${stage.isNarrow}|${drawing.size.along}|${drawing.keys.join()}|${edges.join(';')}`;
    if (shape === this.shape && this.layout) return;
    const isSameKind = this.shape.startsWith(`${asTasks}|${stage.isNarrow}|${drawing.size.along}|`);
    this.shape = shape;
    const { along, across } = drawing.size;
    const size = stage.isNarrow ? { along: across, across: along } : drawing.size;
    const gap = stage.isNarrow ? { along: 34, across: 14 } : { along: drawing.gap, across: 14 };
    this.layout = layOut(drawing.keys, edges, size, gap, isSameKind ? this.layout : undefined);
    this.lines.replaceChildren();
  }

  private paint(drawing: Drawing, isNarrow: boolean): void {
    const layout = this.layout!;
    const [width, height] = isNarrow ? [layout.across, layout.along] : [layout.along, layout.across];
    const [wide, high] = [width + 2 * MARGIN, height + 2 * MARGIN];
    // A little too wide is made to fit; much too wide is scrolled, because it must be readable. What
    // is small grows with the room there is, but not so far that it shouts.
    const fit = (this.scroll.clientWidth - 2) / wide;
    const grown = Math.max(1, Math.min(FIT_MAX, fit, (this.scroll.clientHeight - 2) / high));
    const scale = fit < FIT_MIN ? Math.max(FIT_MIN, 0.8) : fit < 1 ? fit : grown;
    set(this.picture_, { width: wide * scale, height: high * scale, viewBox: `${-MARGIN} ${-MARGIN} ${wide} ${high}` });
    const at = (key: number): [number, number] => {
      const found = layout.nodes.get(key)!;
      return isNarrow ? [found.across, found.along] : [found.along, found.across];
    };
    const known = new Set(drawing.keys);
    for (const [key, group] of this.groups) {
      if (known.has(key)) continue;
      group.remove();
      this.groups.delete(key);
    }
    for (const shape of drawing.shapes) {
      const [x, y] = at(shape.key);
      let group = this.groups.get(shape.key);
      if (!group || group.dataset['size'] !== String(drawing.size.along)) {
        group?.remove();
        group = this.group(shape.key);
        group.dataset['size'] = String(drawing.size.along);
      }
      this.openers.set(shape.key, shape.open);
      const left = x - drawing.size.along / 2;
      const top = y - drawing.size.across / 2;
      group.style.transform = `translate(${left}px, ${top}px)`;
      set(group, {
        class: `node${shape.critical ? ' critical' : ''}${shape.selected ? ' selected' : ''}`,
        'aria-label': shape.title, 'aria-pressed': String(shape.selected)
      });
      shape.paint(group);
    }
    this.drawLines(drawing, isNarrow, at);
  }

  private readonly openers = new Map<number, () => void>();

  private group(key: number): SVGGElement {
    const group = svg('g', { tabindex: 0, role: 'button' });
    const open = (): void => this.openers.get(key)?.();
    group.addEventListener('click', open);
    group.addEventListener('keydown', event => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      open();
    });
    this.groups.set(key, group);
    this.boxes.append(group);
    return group;
  }

  private drawLines(drawing: Drawing, isNarrow: boolean, at: (key: number) => [number, number]): void {
    const { along, across } = drawing.size;
    while (this.lines.childNodes.length > drawing.links.length) this.lines.lastChild!.remove();
    drawing.links.forEach((link, index) => {
      let group = this.lines.childNodes[index] as SVGGElement | undefined;
      if (!group) {
        group = svg('g', {}, svg('path', { 'marker-end': 'url(#arrow)' }), svg('text', { class: 'label', 'text-anchor': 'middle' }));
        this.lines.append(group);
      }
      const [x1, y1] = at(link.from);
      const [x2, y2] = at(link.to);
      const path = group.firstChild as SVGPathElement;
      const half = isNarrow ? across / 2 : along / 2;
      set(path, {
        class: `edge ${link.kind}${link.critical ? ' critical' : ''}`,
        d: link.from === link.to ? loop(x1, y1, along, across) : curve(x1, y1, x2, y2, half, isNarrow)
      });
      const label = group.lastChild as SVGTextElement;
      const self = link.from === link.to;
      set(label, { x: self ? x1 : (x1 + x2) / 2, y: self ? y1 - across / 2 - 2 : (y1 + y2) / 2 + 4 });
      say(label, link.label);
    });
  }
}

function curve(x1: number, y1: number, x2: number, y2: number, half: number, isNarrow: boolean): string {
  if (isNarrow) {
    const [from, to] = [y1 + half, y2 - half];
    const bend = Math.max(16, Math.abs(to - from) / 2);
    return `M${x1},${from} C${x1},${from + bend} ${x2},${to - bend} ${x2},${to}`;
  }
  const [from, to] = [x1 + half, x2 - half];
  const bend = Math.max(24, Math.abs(to - from) / 2);
  return `M${from},${y1} C${from + bend},${y1} ${to - bend},${y2} ${to},${y2}`;
}

function loop(x: number, y: number, along: number, across: number): string {
  const [left, right, top] = [x - along / 5, x + along / 5, y - across / 2];
  return `M${right},${top} C${right + 10},${top - 12} ${left - 10},${top - 12} ${left},${top}`;
}

function paintNode(group: SVGGElement, model: Model, node: Node, along: number): void {
  if (!group.firstChild) {
    group.append(
      svg('rect', { class: 'box', width: along, height: HEIGHT, rx: 6 }),
      svg('rect', { width: 5, height: HEIGHT, rx: 2.5 }),
      svg('text', { x: 13, y: 18, 'font-weight': 600 }),
      svg('text', { class: 'small', x: along - 8, y: 18, 'text-anchor': 'end' }),
      svg('text', { class: 'small', x: 13, y: 33 }),
      svg('rect', { class: 'rail', x: 13, y: 41, width: along - 23, height: 6, rx: 3 }),
      svg('rect', { x: 13, y: 41, height: 6, rx: 3 }),
      svg('rect', { y: 41, height: 6, opacity: 0.45 }),
      svg('rect', { class: 'off', y: 41, height: 6 }),
      svg('rect', { class: 'bad', y: 39, height: 10 }),
      svg('title')
    );
  }
  const [, stripe, name, cell, text, , done, running, off, bad, title] = [...group.childNodes] as SVGElement[];
  const colour = colourAt(node.colour);
  const ended = endedOf(node);
  const live = node.kind === 'actor' ? 0 : node.live;
  const total = Math.max(1, ended + live);
  const room = along - 23;
  const part = (value: number): number => (room * value) / total;
  set(stripe!, { fill: colour });
  const where = model.cellOf(node.place)?.label ?? '';
  say(name!, cut(node.name, Math.floor((room - (where ? where.length * 6 + 8 : 0)) / 7.2)));
  say(cell!, where);
  say(text!, cut(progress(node), Math.floor(room / 5.4)));
  set(done!, { width: part(node.finished), fill: colour });
  set(running!, { x: 13 + part(node.finished), width: part(Math.min(node.running, live)), fill: colour });
  set(off!, { x: 13 + room - part(node.failed + node.cancelled), width: part(node.cancelled) });
  set(bad!, { x: 13 + room - part(node.failed), width: node.failed ? Math.max(3, part(node.failed)) : 0 });
  say(title!, describe(model, node));
}

function progress(node: Node): string {
  if (node.kind === 'actor') return `${count(node.live)} alive · ${count(endedOf(node))} made`;
  const done = node.finished + node.failed;
  const parts = node.live ? [`${count(done)} of ${count(done + node.live)}`] : done || !node.cancelled ? [`${count(done)} done`] : [];
  if (node.failed) parts.push(`✕ ${count(node.failed)} failed`); // first: it may have to be cut
  if (node.running) parts.push(`${count(node.running)} running`);
  if (node.cancelled) parts.push(`⊘ ${count(node.cancelled)} cancelled`);
  if (!node.running && !node.failed && !node.cancelled && done) parts.push(`${duration(meanUsOf(node))} each`);
  return parts.join(' · ');
}

function describe(model: Model, node: Node): string {
  const cell = model.cellOf(node.place);
  return `${node.name}${cell ? `, cell ${cell.label}` : ''}: ${progress(node)}`;
}

function paintTask(group: SVGGElement, model: Model, task: Task): void {
  if (!group.firstChild) {
    group.append(
      svg('rect', { class: 'box', width: TASK_SIZE.along, height: TASK_SIZE.across, rx: 4 }),
      svg('rect', { width: 4, height: TASK_SIZE.across, rx: 2 }),
      svg('text', { x: 10, y: 13 }),
      svg('text', { class: 'small', x: 10, y: 25 })
    );
  }
  const [, stripe, name, text] = [...group.childNodes] as SVGElement[];
  set(stripe!, { fill: colourAt(model.colourOf(task.node)) });
  say(name!, cut(model.nameOf(task.node), 16));
  say(text!, `${task.failed || task.cancelled ? outcomeOf(task) : '✓'} ${task.startUs < 0 ? 'never ran' : duration(task.endUs - task.startUs)}`);
}

function isCritical(stage: Stage, id: number): boolean {
  const task = stage.model.tasks.get(id);
  return task !== undefined && stage.isCritical(task);
}

function criticalNodes(stage: Stage): { nodes: Set<number>; links: Set<string>; us: number; tasks: number } {
  const path = stage.relations.criticalPath();
  const nodes = new Set(path.map(task => task.node));
  const links = new Set<string>();
  path.forEach((task, index) => {
    const next = path[index + 1];
    if (next) links.add(`${task.node}>${next.node}`);
  });
  const us = path.reduce((sum, task) => sum + task.endUs - task.startUs, 0);
  return { nodes, links, us, tasks: path.length };
}

const SETTLED = [
  'fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'paint-order', 'font-size', 'font-weight', 'font-family', 'opacity'
];

/** Write what the style sheet says of an element into a copy of it: a file has no style sheet. */
function settle(source: SVGElement, copy: SVGElement, ground: string): void {
  const style = getComputedStyle(source);
  for (const name of SETTLED) copy.setAttribute(name, opaque(style.getPropertyValue(name), ground));
  const move = /matrix\(.*\)/.exec(style.transform);
  if (move) copy.setAttribute('transform', move[0]);
  for (const name of ['style', 'class', 'tabindex', 'role', 'aria-label', 'aria-pressed', 'data-size']) copy.removeAttribute(name);
}
