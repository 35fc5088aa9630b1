/** Which colour is which function, as buttons: pressing one selects the function. */

import { el, say, set } from '../drawing/dom';
import { colourAt, type Theme } from '../drawing/palette';
import { SvgPen, type Picture } from '../drawing/pen';
import type { Model, Node } from '../model/model';
import { cut } from '../model/words';
import type { Stage } from './view';

const SHOWN_MAX = 12;
const ROW = 20;

export class Legend {
  readonly element = el('div', { class: 'legend', role: 'group', 'aria-label': 'Functions and their colours' });
  private readonly more = el('span');
  private readonly items = new Map<number, HTMLButtonElement>();
  private stage: Stage | undefined;

  update(stage: Stage): void {
    this.stage = stage;
    const { shown, left } = entries(stage.model);
    const known = new Set(shown.map(node => node.place));
    for (const [place, item] of this.items) {
      if (known.has(place)) continue;
      item.remove();
      this.items.delete(place);
    }
    for (const node of shown) {
      const item = this.items.get(node.place) ?? this.add(node.place);
      const text = label(stage.model, node);
      const chip = item.firstChild as HTMLElement;
      chip.style.background = colourAt(node.colour);
      say(item.lastChild as HTMLElement, text);
      set(item, { 'aria-pressed': String(stage.node === node.place), 'aria-label': `Select ${text}` });
    }
    say(this.more, left ? `and ${left} more` : '');
    if (this.element.lastChild !== this.more) this.element.append(this.more);
  }

  private add(place: number): HTMLButtonElement {
    const item = el('button', { type: 'button' }, el('i', { class: 'chip' }), el('span'));
    item.addEventListener('click', () => this.stage?.select(0, place));
    this.items.set(place, item);
    this.element.append(item);
    return item;
  }
}

/** The same in a picture. */
export function drawLegend(model: Model, width: number, theme: Theme): Picture {
  const pen = new SvgPen();
  let [x, y] = [12, 18];
  for (const node of entries(model).shown) {
    const text = label(model, node);
    const wide = 24 + text.length * 6.5;
    if (x > 12 && x + wide > width) [x, y] = [12, y + ROW];
    pen.rect(x, y - 9, 9, 9, theme.colours[node.colour]!);
    pen.text(x + 14, y, text, theme.ink, 11);
    x += wide;
  }
  return pen.picture(width, y + 12);
}

/** The functions that took the most time, in their order. */
function entries(model: Model): { shown: Node[]; left: number } {
  const worked = model.nodes.filter(node => node && (node.wallUs || node.running || node.cancelled));
  const most = [...worked].sort((a, b) => b.wallUs - a.wallUs).slice(0, SHOWN_MAX);
  return { shown: most.sort((a, b) => a.place - b.place), left: worked.length - most.length };
}

/** The name, and the cell where another cell has a function of that name. */
function label(model: Model, node: Node): string {
  const isAlone = model.nodes.every(other => !other || other.place === node.place || other.name !== node.name);
  const cell = isAlone ? '' : ` ${model.cellOf(node.place)?.label ?? ''}`;
  return `${cut(node.name, 28)}${cell}`;
}
