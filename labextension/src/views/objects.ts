/** The objects: what is in the store, how large, who made it, who holds it. */

import { el, say } from '../drawing/dom';
import { colourAt, themeOf } from '../drawing/palette';
import { SvgPen, type Picture } from '../drawing/pen';
import { bytes, count, counted, cut } from '../model/words';
import type { ObjectRow } from '../model/wire';
import { Rows, type Row } from './rows';
import { drawSheet } from './sheet';
import type { Stage, Table, View } from './view';

const COLUMNS = ['size', 'what', 'where', 'made by', 'held by', 'refs', 'pinned', 'object'];
/** The places of the colours of what is in memory and on disk. */
const [USED, SPILLED] = [0, 1];
/** The columns a narrow view has room for. */
const NARROW = [0, 1, 3, 4];
const [WHAT, HELD] = [1, 4];
const HOLDERS = ['driver', 'worker', 'function', 'object', 'task'];
const PLACES: Record<string, string> = {
  MEMORY: 'shared memory', MESSAGE: 'in messages', DISK: 'on disk', ERROR: 'an error', '': 'being made'
};

export class ObjectsView implements View {
  readonly id = 'objects';
  readonly title = 'Objects';
  readonly element = el('div', { class: 'pane' });

  private readonly rows: Rows;
  private readonly used = el('i');
  private readonly spilled = el('i');
  private readonly note = el('div', { class: 'note' });
  private stage: Stage | undefined;

  constructor() {
    this.rows = new Rows(task => this.stage?.select(task));
    this.used.style.background = colourAt(USED);
    this.spilled.style.background = colourAt(SPILLED);
    const stack = el('div', { class: 'stack', 'aria-hidden': 'true' }, this.used, this.spilled);
    this.element.append(this.note, el('div', { class: 'note' }, stack), el('div', { class: 'scroll' }, this.rows.element));
  }

  update(stage: Stage): void {
    this.stage = stage;
    say(this.note, summary(stage.model.totals));
    const shares = sharesOf(stage.model.totals);
    this.used.style.width = `${100 * shares.used}%`;
    this.spilled.style.width = `${100 * shares.spilled}%`;
    const kept = COLUMNS.map((_, at) => at).filter(at => !stage.isNarrow || NARROW.includes(at));
    const wide = stage.isNarrow ? WHAT : HELD;
    this.rows.headings(kept.map(at => ({ text: COLUMNS[at]!, wide: at === wide, number: ['size', 'refs', 'pinned'].includes(COLUMNS[at]!) })));
    this.rows.fill(stage.model.objects.map(object => {
      const row = this.row(object, stage);
      return { ...row, cells: kept.map(at => ({ ...row.cells[at]!, wide: at === wide })) };
    }));
  }

  table(stage: Stage): Table {
    return {
      caption: `${summary(stage.model.totals)}; the largest objects`,
      columns: COLUMNS,
      rows: stage.model.objects.map(row => this.row(row, stage).cells.map(cell => cell.text))
    };
  }

  picture(stage: Stage): Picture[] {
    const theme = themeOf(this.element);
    const rows = stage.model.objects.map(row => this.row(row, stage));
    const sheet = drawSheet({ title: summary(stage.model.totals), columns: COLUMNS, rows }, theme);
    const pen = new SvgPen();
    const shares = sharesOf(stage.model.totals);
    const room = sheet.width - 24;
    pen.rect(12, 12, room, 10, theme.line);
    pen.rect(12, 12, room * shares.used, 10, theme.colours[USED]!);
    pen.rect(12 + room * shares.used, 12, room * shares.spilled, 10, theme.colours[SPILLED]!);
    return [pen.picture(sheet.width, 24), sheet];
  }

  private row(row: ObjectRow, stage: Stage): Row {
    const [id, sizeBytes, location, holders, pids, pins, isBeingMade, , names, , look] = row;
    const maker = stage.relations.maker(id);
    const held = heldBy(row);
    return {
      key: String(id), ...(maker ? { task: maker, selected: maker === stage.task } : {}),
      cells: [
        { text: isBeingMade ? '…' : bytes(sizeBytes), number: true },
        { text: look || '' },
        { text: isBeingMade ? 'being made' : PLACES[location] ?? location },
        { text: madeBy(row, stage), colour: stage.model.colourOf(row[7]) },
        { text: cut(held, 60), title: `${names.join(', ')}\n${held}\npids ${pids.join(', ')}` },
        { text: count(holders), number: true },
        { text: pins ? `${pins}×` : '', number: true },
        { text: id.toString(16) }
      ]
    };
  }
}

/** The names of variables, then the others by kind; the driver is told by its variables if there are some. */
function heldBy(row: ObjectRow): string {
  const [names, kinds] = [row[8], row[9] ?? []];
  const others = kinds.map((number, kind) => (number && !(kind === 0 && names.length && number === 1) ? counted(number, HOLDERS[kind] ?? '') : ''));
  return [...names, ...others.filter(Boolean)].join(', ');
}

function madeBy(row: ObjectRow, stage: Stage): string {
  if (row[7] < 0) return row[6] ? '' : 'put'; // who makes it is told with its task
  return cut(stage.model.nameOf(row[7]), 40);
}

function summary(totals: Record<string, number>): string {
  const spilled = totals['spilled_bytes'] ? ` · ${bytes(totals['spilled_bytes'])} on disk` : '';
  return (
    `${count(totals['objects'] ?? 0)} objects · ${bytes(totals['store_used_bytes'] ?? 0)} of ${bytes(totals['store_limit_bytes'] ?? 0)} shared memory · ` +
    `${bytes(totals['inline_bytes'] ?? 0)} in messages${spilled}`
  );
}

/** How much of memory and disk together is used, and what part of that is on disk. */
function sharesOf(totals: Record<string, number>): { used: number; spilled: number } {
  const [used, spilled] = [totals['store_used_bytes'] ?? 0, totals['spilled_bytes'] ?? 0];
  const whole = Math.max(1, totals['store_limit_bytes'] ?? 1) + spilled;
  return { used: used / whole, spilled: spilled / whole };
}
