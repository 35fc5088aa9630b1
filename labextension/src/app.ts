/**
 * The dashboard itself: `mount(element, feed)`. The same in every host.
 *
 * Lives here: the frame around the views, what is selected, and when is drawn (at most ten times
 * a second, and only while it is seen). Does not: where frames come from (`hosts/`).
 */

import { button, el, say, set } from './drawing/dom';
import { isDark, themeOf } from './drawing/palette';
import { svgFile } from './drawing/pen';
import { STYLE } from './drawing/style';
import { Model, type Task } from './model/model';
import { Relations } from './model/relations';
import type { Answer, Frame, Request } from './model/wire';
import { bytes, count, duration, endedOf } from './model/words';
import { Detail, type Actions } from './views/detail';
import { GraphView } from './views/graph';
import { LogsView } from './views/logs';
import { ObjectsView } from './views/objects';
import { OverviewView } from './views/overview';
import { drawSheet, sheetOf } from './views/sheet';
import { TasksView } from './views/tasks';
import { TimelineView } from './views/timeline';
import type { Stage, Table, View } from './views/view';
import { WorkersView } from './views/workers';

const DRAW_MS = 100;
const TICK_MS = 1_000;
const NARROW_CSS_PX = 520;
const TOLD_MS = 8_000;

/** Where frames come from, and who answers. */
export interface Feed {
  /** Hand over frames until the returned function is called. */
  subscribe(take: (frame: Frame) => void): () => void;
  request?(request: Request): Promise<Answer>;
  /** Somebody looks at what comes, or does not any more. */
  see?(who: object, looks: boolean): void;
}

/** What a host can do for the dashboard. */
export interface Host {
  goToCell?(cellId: string): void;
  /** The view that is shown first. */
  tab?: string | undefined;
}

/** Show the dashboard in an element; returns what takes it away again. */
export function mount(element: HTMLElement, feed: Feed | Frame | null, host: Host = {}): App {
  return new App(element, feed, host);
}

export class App implements Stage {
  readonly model = new Model();
  task = 0;
  node = -1;
  isNarrow = false;

  private readonly root = el('div', { class: 'app', role: 'region', 'aria-label': 'ray_jupyter dashboard' });
  private readonly views: View[] = [
    new OverviewView(), new GraphView(), new TimelineView(), new WorkersView(), new ObjectsView(), new TasksView(),
    new LogsView()
  ];
  private readonly tabs = new Map<string, HTMLButtonElement>();
  private readonly head = el('div', { class: 'head' });
  private readonly figures = new Map<string, { root: HTMLElement; value: HTMLElement; label: HTMLElement; meter?: HTMLElement }>();
  private readonly state = el('div', { class: 'state', role: 'status' });
  private readonly hints = el('div', { class: 'hints', hidden: true });
  private readonly twin = el('div', { class: 'pane scroll', role: 'region', 'aria-label': 'The view as a table', tabindex: 0, hidden: true });
  private readonly panes = el('div', { class: 'panes' });
  private readonly message = el('div', { class: 'empty' });
  private readonly tableButton: HTMLButtonElement;
  private readonly saveButton: HTMLButtonElement;
  private readonly detail: Detail;
  private readonly feed: Feed | undefined;
  private readonly undo: (() => void)[] = [];
  private view: View;
  private asTable = false;
  private isSeen = true;
  private timer: number | undefined;
  private drawnAt = 0;
  private tookMs = 0;
  private rates: { atUs: number; ended: number }[] = [];
  private readonly given = new Map<number, Answer>();
  private told = { text: '', untilMs: 0 };
  private known: { relations: Relations; critical: Set<number>; revision: number; atMs: number; tookMs: number } | undefined;

  constructor(private readonly element: HTMLElement, feed: Feed | Frame | null, host: Host) {
    this.feed = feed && 'subscribe' in feed ? feed : undefined;
    this.detail = new Detail(this.actions(host));
    this.tableButton = button('Table', 'Show this view as a table', () => {
      this.asTable = !this.asTable;
      this.draw();
    });
    this.saveButton = button('Save as SVG', 'Save this view as an SVG file', () => this.save());
    this.view = this.views.find(view => view.id === host.tab) ?? this.views[0]!;
    this.build();
    this.watch();
    if (feed && !this.feed) this.take(feed as Frame);
    if (this.feed) this.undo.push(this.feed.subscribe(frame => this.take(frame)));
    this.draw();
  }

  /** Take a frame; also one that a host had before. */
  take(frame: Frame): void {
    if (this.model.apply(frame)) this.plan();
    else if (this.model.isStale) this.plan();
  }

  dispose(): void {
    for (const act of this.undo.splice(0)) act();
    if (this.timer !== undefined) window.clearTimeout(this.timer);
    this.timer = undefined;
    this.feed?.see?.(this, false);
    this.element.shadowRoot?.replaceChildren();
  }

  select(task: number, node = -1): void {
    this.task = task;
    this.node = task ? -1 : node === this.node ? -1 : node;
    if (task) this.wantGiven(task);
    this.draw();
  }

  givenTo(task: number): Answer | undefined {
    return this.given.get(task);
  }

  /** Ask what a task was given, when it is selected: nothing of it is in the frames. */
  private wantGiven(task: number): void {
    if (!this.feed?.request || this.model.isOver) return;
    void this.feed.request({ ask: 'task', session: this.model.session, task }).then(answer => {
      this.given.clear(); // one is enough
      this.given.set(task, answer);
      this.plan();
    }, () => undefined); // no kernel: what is known stays
  }

  wantTasks(startUs: number, endUs: number): void {
    if (!this.feed?.request || this.model.isOver) return;
    void this.feed.request({ ask: 'tasks', start_us: startUs, end_us: endUs }).then(answer => {
      if (!answer.tasks?.length) return;
      this.model.takeTasks(answer.tasks.filter(row => !this.model.tasks.has(row[0])));
      this.plan();
    }, () => undefined); // no kernel: what is known stays
  }

  get relations(): Relations {
    return this.related().relations;
  }

  isCritical(task: Task): boolean {
    return this.related().critical.has(task.id);
  }

  /** Making these looks at every task: so rarely that it takes a twentieth of the time. */
  private related(): NonNullable<App['known']> {
    const now = performance.now();
    const known = this.known;
    if (known && (known.revision === this.model.revision || now - known.atMs < 20 * known.tookMs)) return known;
    const relations = new Relations(this.model.tasks);
    const critical = new Set(relations.criticalPath().map(task => task.id));
    this.known = { relations, critical, revision: this.model.revision, atMs: now, tookMs: performance.now() - now };
    return this.known;
  }

  private actions(host: Host): Actions {
    const feed = this.feed;
    const act = (ask: 'cancel' | 'resume') => (task: number): void => {
      void feed!.request!({ ask, session: this.model.session, task }).then(
        answer => {
          this.tell(answer.text ?? '');
          this.wantGiven(task);
        },
        (error: unknown) => this.tell(String(error))
      );
    };
    return {
      cancel: feed?.request ? act('cancel') : undefined,
      resume: feed?.request ? act('resume') : undefined,
      goToCell: host.goToCell ? id => host.goToCell!(id) : undefined
    };
  }

  private build(): void {
    const shadow = this.element.shadowRoot ?? this.element.attachShadow({ mode: 'open' });
    // Keys pressed in here are ours, not the notebook's command mode.
    this.element.setAttribute('data-lm-suppress-shortcuts', 'true');
    for (const [key, label, hasMeter] of [
      ['busy', 'workers busy', true], ['finished', 'finished', false], ['waiting', 'waiting', false],
      ['failed', 'failed', false], ['rate', 'per second', false], ['store', 'in the store', true]
    ] as const) {
      const value = el('b', {}, '–');
      const name = el('span', {}, label);
      const root = el('div', { class: 'figure' }, value, name);
      const meter = hasMeter ? el('i') : undefined;
      if (meter) root.append(el('div', { class: 'meter', 'aria-hidden': 'true' }, meter));
      this.figures.set(key, { root, value, label: name, ...(meter ? { meter } : {}) });
      this.head.append(root);
    }
    this.head.append(this.state);
    const tabs = el('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Views' });
    for (const view of this.views) {
      const tab = button(view.title, view.title, () => this.show(view));
      set(tab, { role: 'tab', id: `tab-${view.id}`, 'aria-controls': `pane-${view.id}` });
      set(view.element, { role: 'tabpanel', id: `pane-${view.id}`, 'aria-labelledby': `tab-${view.id}` });
      tab.addEventListener('keydown', event => this.step(event, view));
      this.tabs.set(view.id, tab);
      tabs.append(tab);
      this.panes.append(view.element);
    }
    this.panes.append(this.twin, this.message);
    const bar = el('div', { class: 'bar' }, tabs, el('div', { class: 'tools' }, this.tableButton, this.saveButton));
    this.root.append(this.head, bar, el('div', { class: 'body' }, this.panes, this.detail.element), this.hints);
    this.root.addEventListener('keydown', event => {
      if (event.key === 'Escape') this.select(0);
    });
    shadow.replaceChildren(el('style', {}, STYLE), this.root);
  }

  private step(event: KeyboardEvent, view: View): void {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    const next = this.views[(this.views.indexOf(view) + by + this.views.length) % this.views.length]!;
    this.show(next);
    this.tabs.get(next.id)!.focus();
  }

  private show(view: View): void {
    this.view = view;
    this.draw();
  }

  private watch(): void {
    if (typeof IntersectionObserver !== 'undefined') {
      const seen = new IntersectionObserver(entries => {
        this.isSeen = entries[entries.length - 1]?.isIntersecting ?? true;
        this.look();
      });
      seen.observe(this.element);
      this.undo.push(() => seen.disconnect());
    }
    if (typeof ResizeObserver !== 'undefined') {
      const size = new ResizeObserver(() => this.plan());
      size.observe(this.element);
      this.undo.push(() => size.disconnect());
    }
    const looked = (): void => this.look();
    document.addEventListener('visibilitychange', looked);
    this.undo.push(() => document.removeEventListener('visibilitychange', looked));
    this.look();
    // A change of theme changes what the variables say, and nothing else tells a canvas.
    const theme = new MutationObserver(() => this.plan());
    theme.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-jp-theme-name', 'class'] });
    this.undo.push(() => theme.disconnect());
  }

  /** It came into sight, or went out of it. */
  private look(): void {
    this.feed?.see?.(this, this.isSeen && !document.hidden);
    if (this.isSeen) this.plan();
  }

  /** Draw soon: as often as frames come, at most every tenth of a second. */
  private plan(): void {
    if (this.timer !== undefined || !this.isSeen || document.hidden) return;
    // Drawing takes at most a quarter of the time, however much there is to draw.
    const wait = Math.max(0, this.drawnAt + Math.max(DRAW_MS, 4 * this.tookMs) - performance.now());
    this.timer = window.setTimeout(() => {
      this.timer = undefined;
      this.draw();
      this.tookMs = performance.now() - this.drawnAt;
    }, wait);
  }

  private draw(): void {
    this.drawnAt = performance.now();
    const { model } = this;
    this.isNarrow = this.element.clientWidth > 0 && this.element.clientWidth < NARROW_CSS_PX;
    const shade = isDark(themeOf(this.root).ground) ? ' dark' : '';
    set(this.root, { class: `app${shade}${this.isNarrow ? ' narrow' : ''}`, 'data-seq': model.seq, 'data-session': model.session, 'data-view': this.view.id });
    for (const view of this.views) {
      const isShown = view === this.view;
      view.element.hidden = !isShown || this.asTable || !model.session;
      set(this.tabs.get(view.id)!, { 'aria-selected': String(isShown), tabindex: isShown ? 0 : -1 });
    }
    set(this.tableButton, { 'aria-pressed': String(this.asTable) });
    this.saveButton.disabled = !model.session;
    say(this.saveButton, this.isNarrow ? 'SVG' : 'Save as SVG');
    this.message.hidden = model.session !== '';
    say(this.message, 'No runtime is running yet. %ray_start starts one, and the dashboard follows.');
    this.twin.hidden = !this.asTable || !model.session;
    this.drawHead();
    if (model.session) {
      if (this.asTable) this.drawTwin(this.view.table(this));
      else this.view.update(this);
      this.detail.update(this);
    }
    this.hints.hidden = !model.hints.length;
    if (this.hints.dataset['text'] !== model.hints.join('\n')) {
      this.hints.dataset['text'] = model.hints.join('\n');
      this.hints.replaceChildren(...model.hints.map(text => el('div', {}, text)));
    }
  }

  private drawHead(): void {
    const { model } = this;
    const { totals } = model;
    const lanes = model.lanes.filter(lane => lane && lane.activity !== 'GONE');
    const busy = lanes.filter(lane => lane.activity === 'RUNNING').length;
    const ended = endedOf({ finished: totals['finished'] ?? 0, failed: totals['failed'] ?? 0, cancelled: totals['cancelled'] ?? 0 });
    const live = totals['live'] ?? 0;
    const running = lanes.filter(lane => lane.task).length;
    this.figure('busy', `${busy} of ${lanes.length}`, lanes.length ? busy / lanes.length : 0);
    this.figure('finished', count(totals['finished'] ?? 0));
    this.figure('waiting', count(Math.max(0, live - running)));
    this.figure('failed', count(totals['failed'] ?? 0), undefined, (totals['failed'] ?? 0) > 0);
    say(this.figures.get('failed')!.label, totals['cancelled'] ? `failed · ${count(totals['cancelled'])} cancelled` : 'failed');
    this.figure('rate', count(this.rate(ended)));
    const used = totals['store_used_bytes'] ?? 0;
    this.figure('store', bytes(used + (totals['inline_bytes'] ?? 0)), used / Math.max(1, totals['store_limit_bytes'] ?? 1));
    const text = performance.now() < this.told.untilMs ? this.told.text : this.stateText(live);
    say(this.state, text);
    set(this.state, { title: text });
  }

  private stateText(live: number): string {
    const { model } = this;
    if (!model.session) return '';
    if (model.isOver) return `ended after ${duration(model.nowUs)}`;
    if (!this.feed || model.isKept) return `as it was after ${duration(model.nowUs)}`;
    return live ? `● working · ${duration(model.nowUs)}` : `○ idle · ${duration(model.nowUs)}`;
  }

  private rate(ended: number): number {
    const { nowUs, session } = this.model;
    if (!session) return 0; // what comes first has not happened since
    const before = this.rates[this.rates.length - 1];
    if (before && (nowUs < before.atUs || ended < before.ended)) this.rates = []; // another session
    const last = this.rates[this.rates.length - 1];
    if (!last || nowUs > last.atUs) this.rates.push({ atUs: nowUs, ended });
    while (this.rates.length > 2 && nowUs - this.rates[0]!.atUs > 2_000_000) this.rates.shift();
    const first = this.rates[0]!;
    return nowUs > first.atUs && this.rates.length > 1 ? Math.round(((ended - first.ended) * 1e6) / (nowUs - first.atUs)) : 0;
  }

  private figure(key: string, text: string, share?: number, isBad = false): void {
    const figure = this.figures.get(key)!;
    say(figure.value, text);
    figure.root.classList.toggle('bad', isBad);
    if (figure.meter && share !== undefined) figure.meter.style.width = `${Math.min(100, 100 * share)}%`;
  }

  private drawTwin(table: Table): void {
    const head = el('tr', {}, ...table.columns.map(column => el('th', { scope: 'col' }, column)));
    const rows = table.rows.map(row => el('tr', {}, ...row.map(value => el('td', typeof value === 'number' ? { class: 'n' } : {}, typeof value === 'number' ? count(value) : value))));
    const { scrollTop } = this.twin;
    this.twin.replaceChildren(el('table', {}, el('caption', {}, table.caption), el('thead', {}, head), el('tbody', {}, ...rows)));
    this.twin.scrollTop = scrollTop;
  }

  private save(): void {
    const theme = themeOf(this.root);
    const pictures = this.asTable ? [drawSheet(sheetOf(this.view.table(this)), theme)] : this.view.picture(this);
    const text = svgFile(pictures, `ray_jupyter · ${this.view.title}`, theme.ground, theme.font);
    const url = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
    const link = el('a', { href: url, download: `ray-${this.view.id}.svg` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), TICK_MS);
  }

  private tell(text: string): void {
    this.told = { text, untilMs: performance.now() + TOLD_MS };
    window.setTimeout(() => this.plan(), TOLD_MS); // where nothing happens no frame comes
    this.draw();
  }
}
