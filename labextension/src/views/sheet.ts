/** A table as a picture: what "save as SVG" writes of views that are lists. */

import { SvgPen, type Face, type Picture } from '../drawing/pen';
import type { Theme } from '../drawing/palette';
import { count, counted } from '../model/words';
import type { Cell, Row } from './rows';
import type { Table } from './view';

const SIZE = 11;
const STEP = 19;
const MARGIN = 12;
const GAP = 18;
const CHIP = 14;
const WIDEST = 420;
const ROWS_MAX = 200;

export interface Sheet {
  title: string;
  columns: readonly string[];
  rows: readonly Row[];
  /** How many rows there are, where not all are given. */
  all?: number;
  /** Columns in which lines of code or logs stand. */
  mono?: readonly number[];
}

/** Draw the first rows of a sheet; texts are cut where a column would become too wide. */
export function drawSheet({ title, columns, rows, all = rows.length, mono = [] }: Sheet, theme: Theme): Picture {
  const pen = new SvgPen();
  const shown = rows.slice(0, ROWS_MAX);
  const faceOf = (at: number): Face => (mono.includes(at) ? 'mono' : 'plain');
  const widths = columns.map((name, at) => {
    const inner = shown.map(({ cells, failed }) => widthOf(cells[at]?.text ?? '', theme, failed && at === 0 ? 'bold' : faceOf(at)) + (cells[at]?.colour === undefined ? 0 : CHIP));
    return Math.min(WIDEST, Math.max(widthOf(name, theme, 'bold'), ...inner));
  });
  const lefts = widths.map((_, at) => MARGIN + widths.slice(0, at).reduce((sum, width) => sum + width + GAP, 0));
  const width = Math.max(320, widthOf(title, theme, 'bold') + 2 * MARGIN, (lefts[lefts.length - 1] ?? 0) + (widths[widths.length - 1] ?? 0) + MARGIN);
  const put = (at: number, y: number, cell: Cell, fill: string, face: Face): void => {
    let x = lefts[at]!;
    const room = widths[at]!;
    if (cell.colour !== undefined) {
      pen.rect(x, y - 8, 9, 9, theme.colours[cell.colour] ?? theme.faint);
      x += CHIP;
    }
    const text = fitting(cell.text, room - (x - lefts[at]!), theme, face);
    if (cell.number) pen.text(lefts[at]! + room, y, text, fill, SIZE, 'end', face);
    else pen.text(x, y, text, fill, SIZE, 'start', face);
  };
  let y = MARGIN + 10;
  pen.text(MARGIN, y, title, theme.ink, SIZE + 1, 'start', 'bold');
  y += STEP + 4;
  pen.rect(0, y - 14, width, STEP + 1, theme.raised);
  columns.forEach((text, at) => put(at, y, { text, number: shown[0]?.cells[at]?.number ?? false }, theme.ink, 'bold'));
  for (const row of shown) {
    y += STEP;
    row.cells.forEach((cell, at) => {
      put(at, y, cell, row.failed && at === 0 ? theme.bad : theme.ink, row.failed && at === 0 ? 'bold' : faceOf(at));
    });
    pen.line(0, y + 5.5, width, y + 5.5, theme.line, 0.5);
  }
  const left = all - shown.length;
  if (left) {
    y += STEP;
    pen.text(MARGIN, y, `and ${counted(left, 'more row')}`, theme.faint, SIZE);
  }
  return pen.picture(width, y + MARGIN + 4);
}

/** The sheet of a view's table twin. */
export function sheetOf(table: Table): Sheet {
  return {
    title: table.caption, columns: table.columns,
    rows: table.rows.map((row, at) => ({
      key: String(at), cells: row.map(value => (typeof value === 'number' ? { text: count(value), number: true } : { text: value }))
    }))
  };
}

let ruler: CanvasRenderingContext2D | null | undefined;

function widthOf(text: string, theme: Theme, face: Face): number {
  ruler ??= document.createElement('canvas').getContext('2d');
  if (!ruler) return text.length * SIZE * 0.6;
  ruler.font = `${face === 'bold' ? '600 ' : ''}${SIZE}px ${face === 'mono' ? 'ui-monospace, monospace' : theme.font}`;
  return Math.ceil(ruler.measureText(text).width) + 1;
}

function fitting(text: string, room: number, theme: Theme, face: Face): string {
  if (widthOf(text, theme, face) <= room) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(`${text.slice(0, middle)}…`, theme, face) <= room) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}
