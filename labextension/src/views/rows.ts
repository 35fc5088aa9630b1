/** A table that is changed in place: rows keep their elements, so that focus and selection stay. */

import { el, say, set } from '../drawing/dom';
import { colourAt } from '../drawing/palette';

export interface Cell {
  text: string;
  number?: boolean;
  /** The place of a colour, shown before the text. */
  colour?: number;
  title?: string;
}

export interface Row {
  key: string;
  cells: Cell[];
  task?: number;
  selected?: boolean;
  failed?: boolean;
}

export class Rows {
  readonly element = el('table');
  private readonly head = el('thead');
  private readonly body = el('tbody');
  private readonly rows = new Map<string, HTMLTableRowElement>();

  constructor(private readonly open: (task: number) => void) {
    this.element.append(this.head, this.body);
  }

  /** Set the headings; a sortable one is a button. */
  headings(columns: readonly { text: string; number?: boolean; sort?: () => void; direction?: 1 | -1 }[]): void {
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

  private heading(column: { text: string; number?: boolean; sort?: () => void }): HTMLElement {
    const cell = el('th', { scope: 'col', class: column.number ? 'n' : undefined });
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
    rows.forEach((row, index) => {
      let element = this.rows.get(row.key);
      if (!element || element.childNodes.length !== row.cells.length) {
        element?.remove();
        element = this.make(row);
        this.rows.set(row.key, element);
      }
      if (this.body.childNodes[index] !== element) this.body.insertBefore(element, this.body.childNodes[index] ?? null);
      this.paint(element, row);
    });
  }

  private make(row: Row): HTMLTableRowElement {
    const element = el('tr', row.task ? { 'data-task': row.task, tabindex: 0 } : {});
    for (const cell of row.cells) {
      element.append(el('td', { class: cell.number ? 'n' : undefined }, ...(cell.colour !== undefined ? [el('i', { class: 'chip' })] : []), el('span')));
    }
    if (row.task) {
      const task = row.task;
      element.addEventListener('click', () => this.open(task));
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
