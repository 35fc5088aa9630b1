/** The tasks as a table: failures first, sortable, with their errors. */

import { button, el, say, set } from '../drawing/dom';
import { themeOf } from '../drawing/palette';
import type { Picture } from '../drawing/pen';
import { firstOf } from '../model/first';
import type { Model, Task } from '../model/model';
import { count, cut, duration, moment, outcomeOf } from '../model/words';
import { nameOf } from './lanes';
import { Rows, type Row } from './rows';
import { drawSheet } from './sheet';
import type { Stage, Table, View } from './view';

const [SHOWN_MAX, TABLE_MAX] = [300, 1_000];
/** The columns a narrow view has room for. */
const NARROW = [0, 1, 6, 2];
const COLUMNS = ['state', 'function', 'error', 'cell', 'worker', 'began', 'took', 'waited', 'attempt'];
type Order = 'state' | 'function' | 'start' | 'took' | 'waited' | 'worker';

export class TasksView implements View {
  readonly id = 'tasks';
  readonly title = 'Tasks';
  readonly element = el('div', { class: 'pane' });

  private readonly filter = el('input', { type: 'search', placeholder: 'only with …', 'aria-label': 'Only tasks with this text: a function, an error or an id' });
  private readonly failedButton: HTMLButtonElement;
  private readonly note = el('span', { 'aria-live': 'polite' });
  private readonly rows: Rows;
  private order: Order = 'state';
  private direction: 1 | -1 = 1;
  private failedOnly = false;
  private stage: Stage | undefined;
  private shown: number[] = [];

  constructor() {
    this.failedButton = button('Failed only', 'Show only tasks that failed', () => {
      this.failedOnly = !this.failedOnly;
      this.again();
    });
    this.filter.addEventListener('input', () => this.again());
    this.filter.addEventListener('keydown', event => event.stopPropagation());
    this.rows = new Rows(task => this.stage?.select(task), () => this.again());
    this.element.append(
      el('div', { class: 'row' }, this.filter, this.failedButton, this.note),
      el('div', { class: 'scroll' }, this.rows.element)
    );
  }

  update(stage: Stage): void {
    this.stage = stage;
    set(this.failedButton, { 'aria-pressed': String(this.failedOnly) });
    const { tasks: shown, all } = this.found(stage, SHOWN_MAX);
    const text = shown.length < all ? `the first ${count(shown.length)} of ${count(all)} tasks` : `${count(all)} tasks`;
    say(this.note, `${text}${stage.node >= 0 ? ` of ${stage.model.nameOf(stage.node)}` : ''} that are known one by one`);
    const heading = (order: Order, name: string, number = false): { text: string; number: boolean; sort: () => void; direction?: 1 | -1 } => ({
      text: name, number, sort: () => this.sort(order), ...(this.order === order ? { direction: this.direction } : {})
    });
    const headings = [
      heading('state', 'state'), heading('function', 'function'), { text: 'error', wide: true }, { text: 'cell' }, heading('worker', 'worker'),
      heading('start', 'began', true), heading('took', 'took', true), heading('waited', 'waited', true), { text: 'attempt', number: true }
    ];
    const kept = stage.isNarrow ? NARROW : headings.map((_, at) => at);
    this.rows.headings(kept.map(at => headings[at]!));
    this.rows.fill(this.resting(shown, stage.model).map(task => {
      const row = this.row(task, stage);
      return { ...row, cells: kept.map(at => row.cells[at]!) };
    }));
  }

  table(stage: Stage): Table {
    const rows = this.found(stage, TABLE_MAX).tasks.map(task => this.row(task, stage).cells.map(cell => cell.text));
    return { caption: 'Tasks', columns: COLUMNS, rows };
  }

  picture(stage: Stage): Picture[] {
    const { tasks, all } = this.found(stage, TABLE_MAX);
    const rows = tasks.map(task => this.row(task, stage));
    return [drawSheet({ title: `${count(all)} tasks that are known one by one`, columns: COLUMNS, rows, all }, themeOf(this.element))];
  }

  /** The tasks that are shown: they keep their places under the pointer, for nobody can hit what moves. */
  private resting(found: Task[], model: Model): Task[] {
    if (this.rows.isPointed) {
      const running = new Map(model.running().map(task => [task.id, task]));
      const still = this.shown.flatMap(id => running.get(id) ?? model.tasks.get(id) ?? []);
      if (still.length) return still;
    }
    this.shown = found.map(task => task.id);
    return found;
  }

  private again(): void {
    if (this.stage) this.update(this.stage);
  }

  private sort(order: Order): void {
    this.direction = this.order === order ? (this.direction === 1 ? -1 : 1) : 1;
    this.order = order;
    this.again();
  }

  /** The first tasks in the chosen order, and how many there are. */
  private found(stage: Stage, most: number): { tasks: Task[]; all: number } {
    const { model } = stage;
    const wanted = this.filter.value.trim().toLowerCase();
    const running = model.running();
    const again = new Set(running.map(task => task.id)); // what runs once more is told once
    const ended = [...model.tasks.values()].filter(task => !again.has(task.id));
    const tasks = [...running, ...ended].filter(task => {
      if (this.failedOnly && !task.failed) return false;
      if (stage.node >= 0 && task.node !== stage.node) return false;
      if (!wanted) return true;
      const error = model.errors.get(task.id);
      return `${model.nameOf(task.node)} ${task.id} ${error?.type ?? ''} ${error?.text ?? ''}`.toLowerCase().includes(wanted);
    });
    const keys: Record<Order, (task: Task) => number | string> = {
      state: task => (task.failed ? 0 : task.endUs < 0 ? 1 : task.cancelled ? 2 : 3),
      function: task => model.nameOf(task.node),
      start: task => task.startUs,
      took: task => (task.endUs < 0 ? model.nowUs : task.endUs) - task.startUs,
      waited: task => task.startUs - task.submitUs,
      worker: task => task.lane
    };
    const key = keys[this.order];
    const compare = (a: Task, b: Task): number => {
      const [one, other] = [key(a), key(b)];
      const order = typeof one === 'string' ? one.localeCompare(String(other)) : one - Number(other);
      return order * this.direction || b.endUs - a.endUs;
    };
    return { tasks: firstOf(tasks, compare, most), all: tasks.length };
  }

  private row(task: Task, stage: Stage): Row {
    const { model } = stage;
    const error = model.errors.get(task.id);
    const lane = model.lanes[task.lane];
    const isRunning = task.endUs < 0;
    const text = error && !isRunning ? error.text || error.type : ''; // what runs once more has had one
    const took = isRunning ? model.nowUs - task.startUs : task.endUs - task.startUs;
    return {
      key: `${task.id}`, task: task.id, selected: task.id === stage.task, failed: task.failed,
      cells: [
        { text: outcomeOf(task) },
        { text: cut(model.nameOf(task.node), 60), colour: model.colourOf(task.node) },
        { text: cut(text.split('\n')[0] ?? '', 240), title: text, wide: true },
        { text: model.cellOf(task.node)?.label ?? '' },
        { text: lane ? nameOf(lane) : '' },
        { text: task.startUs < 0 ? 'never' : moment(task.startUs, 2_000_000), number: true },
        { text: task.startUs < 0 ? '' : duration(Math.max(0, took)), number: true },
        { text: task.startUs > task.submitUs && !isRunning ? duration(task.startUs - task.submitUs) : '', number: true },
        { text: task.attempt ? String(task.attempt + 1) : '', number: true }
      ]
    };
  }
}
