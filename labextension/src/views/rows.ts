/**
 * A table that is changed in place: rows keep their elements, so that focus and selection stay.
 *
 * What is pressed or has the focus is never moved: an element that is taken out of the document and put
 * in again loses the focus. The others are moved around it. And rows change while a button is down: where
 * it goes up there may be another row, or none, and then browsers tell of no click on either. The row it
 * went down on is the one that was meant.
 */

import { el, say, set } from '../drawing/dom';
import { colourAt } from '../drawing/palette';

export interface Cell {
  text: string;
  number?: boolean;
  /** It has the room that the others leave. */
  wide?: boolean;
  /** The place of a colour, shown before the text. */
  colour?: number;
  title?: string;
}

export interface Heading {
  text: string;
  number?: boolean;
  wide?: boolean;
  sort?: () => void;
  direction?: 1 | -1;
}

export interface Row {
  key: string;
  cells: Cell[];
  task?: number;
  selected?: boolean;
  failed?: boolean;
}

/** Between the two ends of a click; who moves the pointer further marks text. */
const STILL_CSS_PX = 6;

interface Press {
  row: HTMLTableRowElement;
  task: number;
  x: number;
  y: number;
}

export class Rows {
  readonly element = el('table');
  private readonly head = el('thead');
  private readonly body = el('tbody');
  private readonly rows = new Map<string, HTMLTableRowElement>();
  private press: Press | undefined;
  /** The pointer is over rows. */
  isPointed = false;

  constructor(private readonly open: (task: number) => void, left: () => void = () => undefined) {
    this.element.append(this.head, this.body);
    this.body.addEventListener('pointerenter', event => (this.isPointed = event.pointerType === 'mouse'));
    this.body.addEventListener('pointerleave', () => {
      this.isPointed = false;
      left();
    });
    this.body.addEventListener('pointerdown', event => this.pressed(event));
    this.body.addEventListener('click', event => {
      // A pointer's click has no row where rows have moved meanwhile: that one is `released`.
      const task = event.detail ? 0 : taskOf(event.target);
      if (task) this.open(task);
    });
  }

  private pressed(event: PointerEvent): void {
    const row = event.button ? null : rowOf(event.target);
    this.press = row ? { row, task: taskOf(row), x: event.clientX, y: event.clientY } : undefined;
    if (!this.press) return;
    const ends = new AbortController();
    const released = (end: PointerEvent): void => {
      ends.abort();
      const { press } = this;
      this.press = undefined;
      const isStill = press && Math.hypot(end.clientX - press.x, end.clientY - press.y) < STILL_CSS_PX;
      if (press?.task && isStill && end.type === 'pointerup') this.open(press.task);
    };
    for (const name of ['pointerup', 'pointercancel'] as const) window.addEventListener(name, released, { capture: true, signal: ends.signal });
  }

  /** Set the headings; a sortable one is a button. */
  headings(columns: readonly Heading[]): void {
    if (!this.head.firstChild) this.head.append(el('tr'));
    const row = this.head.firstChild as HTMLTableRowElement;
    if (row.childNodes.length !== columns.length) row.replaceChildren(...columns.map(column => this.heading(column)));
    columns.forEach((column, index) => {
      const cell = row.childNodes[index] as HTMLElement;
      const arrow = column.direction ? (column.direction > 0 ? ' ▲' : ' ▼') : '';
      set(cell, { 'aria-sort': column.direction ? (column.direction > 0 ? 'ascending' : 'descending') : undefined });
      say(column.sort ? (cell.firstChild as HTMLElement) : cell, column.text + arrow);
    });
  }

  private heading(column: Heading): HTMLElement {
    const cell = el('th', { scope: 'col', class: kindOf(column) });
    if (column.sort) {
      const sort = el('button', { type: 'button' });
      sort.addEventListener('click', column.sort);
      cell.append(sort);
    }
    return cell;
  }

  fill(rows: readonly Row[]): void {
    const keys = new Set(rows.map(row => row.key));
    for (const [key, element] of this.rows) {
      if (keys.has(key)) continue;
      element.remove();
      this.rows.delete(key);
    }
    const { press } = this;
    const still = press?.row.isConnected ? press.row : this.focused();
    let next = this.body.firstChild;
    for (const row of rows) {
      let element = this.rows.get(row.key);
      if (!element || element.childNodes.length !== row.cells.length) {
        element?.remove();
        element = this.make(row);
        this.rows.set(row.key, element);
      }
      while (element === still && next !== element && next) {
        const other = next;
        next = next.nextSibling;
        this.body.append(other); // its place is behind this one
      }
      if (next === element) next = element.nextSibling;
      else this.body.insertBefore(element, next);
      this.paint(element, row);
    }
  }

  private focused(): Element | undefined {
    const root = this.body.getRootNode();
    const active = root instanceof ShadowRoot || root instanceof Document ? root.activeElement : null;
    return active && this.body.contains(active) ? active : undefined;
  }

  private make(row: Row): HTMLTableRowElement {
    const element = el('tr', row.task ? { 'data-task': row.task, tabindex: 0 } : {});
    for (const cell of row.cells) {
      element.append(el('td', { class: kindOf(cell) }, ...(cell.colour !== undefined ? [el('i', { class: 'chip' })] : []), el('span')));
    }
    if (row.task) {
      const task = row.task;
      element.addEventListener('keydown', event => {
        if (event.key === 'Enter') this.open(task);
        const next = event.key === 'ArrowDown' ? element.nextElementSibling : event.key === 'ArrowUp' ? element.previousElementSibling : null;
        if (!next) return;
        event.preventDefault();
        event.stopPropagation();
        (next as HTMLElement).focus();
      });
    }
    return element;
  }

  private paint(element: HTMLTableRowElement, row: Row): void {
    set(element, { class: row.failed ? 'failed' : undefined, 'aria-selected': row.selected ? 'true' : undefined });
    row.cells.forEach((cell, index) => {
      const td = element.childNodes[index] as HTMLElement;
      say(td.lastChild as HTMLElement, cell.text);
      if (cell.title !== undefined) set(td, { title: cell.title });
      if (cell.colour !== undefined) (td.firstChild as HTMLElement).style.background = colourAt(cell.colour);
    });
  }
}

function kindOf(cell: { number?: boolean; wide?: boolean }): string | undefined {
  return cell.number ? 'n' : cell.wide ? 'w' : undefined;
}

function rowOf(target: EventTarget | null): HTMLTableRowElement | null {
  return target instanceof Element ? target.closest('tr') : null;
}

function taskOf(target: EventTarget | null): number {
  return Number(rowOf(target)?.dataset['task'] ?? 0);
}
