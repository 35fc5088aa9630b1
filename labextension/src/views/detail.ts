/** The selected task or function in full, and what can be done with it. */

import { button, el, say } from '../drawing/dom';
import { colourAt } from '../drawing/palette';
import type { Task } from '../model/model';
import type { Answer } from '../model/wire';
import { count, duration, meanUsOf, moment, outcomeOf } from '../model/words';
import { nameOf } from './lanes';
import type { Stage } from './view';

export interface Actions {
  /** Go to a cell of the notebook; absent where there is none. */
  goToCell?: ((cellId: string) => void) | undefined;
  cancel?: ((task: number) => void) | undefined;
  /** Run a failed task again on a worker. */
  resume?: ((task: number) => void) | undefined;
}

export class Detail {
  readonly element = el('aside', { class: 'detail', 'aria-label': 'The selected task', hidden: true });
  private shown = '';
  /** For how long it has been running; said anew with each frame, and nothing around it is. */
  private readonly clock = el('dd');

  constructor(private readonly actions: Actions) {}

  update(stage: Stage): void {
    const task = stage.task ? stage.model.task(stage.task) : undefined;
    const ended = task && task.endUs >= 0 ? `${stage.model.errors.get(task.id)?.text ?? ''}|${stage.relations.takersOf(task.id).length}` : '';
    const state = task
      ? `${task.id}|${task.endUs}|${ended}|${outcomeOf(task)}|${JSON.stringify(stage.givenTo(task.id) ?? '')}`
      : stage.node >= 0 ? `n${stage.node}|${stage.model.revision >> 2}` : '';
    if (task && task.endUs < 0) say(this.clock, duration(stage.model.nowUs - task.startUs));
    this.element.hidden = !state;
    if (!state || state === this.shown) return;
    this.shown = state;
    if (this.element.contains(this.element.getRootNode() instanceof ShadowRoot ? (this.element.getRootNode() as ShadowRoot).activeElement : null) && !task) return;
    this.element.replaceChildren(...(task ? this.ofTask(task, stage) : this.ofNode(stage)));
  }

  private title(place: number, stage: Stage): HTMLElement {
    const chip = el('i', { class: 'chip' });
    chip.style.background = colourAt(stage.model.colourOf(place));
    chip.style.marginTop = '5px';
    return el('h3', {}, chip, el('span', {}, stage.model.nameOf(place)), button('✕', 'Select nothing', () => stage.select(0)));
  }

  private ofNode(stage: Stage): HTMLElement[] {
    const node = stage.model.nodes[stage.node];
    if (!node) return [];
    const cell = stage.model.cellOf(node.place);
    return [
      this.title(node.place, stage),
      this.cellAct(cell),
      facts([
        ['waiting', count(Math.max(0, node.live - node.running))], ['running', count(node.running)],
        ['finished', count(node.finished)], ['failed', count(node.failed)],
        ['cancelled', node.cancelled ? count(node.cancelled) : ''], ['repeated', count(node.retries)],
        ['mean', meanUsOf(node) ? duration(meanUsOf(node)) : ''], ['longest', duration(node.maxUs)], ['in all', duration(node.wallUs)]
      ]),
      el('p', {}, 'Timeline and Tasks show this function only, while it is selected.')
    ];
  }

  private ofTask(task: Task, stage: Stage): HTMLElement[] {
    const { model, relations } = stage;
    const lane = model.lanes[task.lane];
    const isRunning = task.endUs < 0;
    const error = isRunning ? undefined : model.errors.get(task.id); // it had one the time before
    const acts = el('div', { class: 'acts' });
    const { cancel, resume } = this.actions;
    const given = stage.givenTo(task.id);
    if (cancel && isRunning) acts.append(button('Cancel', 'Cancel this task', () => cancel(task.id)));
    if (resume && task.failed && given?.obstacle === '') {
      acts.append(button('Run again', 'Run this task again on a worker, as its function is defined now', () => resume(task.id)));
    }
    const parts = [
      this.title(task.node, stage),
      this.cellAct(model.cellOf(task.node)),
      facts([
        ['state', outcomeOf(task)],
        ['began', task.startUs < 0 ? 'never' : moment(task.startUs, 100_000)],
        [isRunning ? 'for' : 'took', task.startUs < 0 ? '' : isRunning ? this.clock : duration(task.endUs - task.startUs)],
        ['waited', !isRunning && task.startUs >= 0 ? duration(Math.max(0, task.startUs - task.submitUs)) : ''],
        ['worker', lane ? `${nameOf(lane)}, pid ${lane.pid}` : ''],
        ['attempt', task.attempt ? String(task.attempt + 1) : ''],
        ['task', task.id.toString(16)]
      ]),
      acts
    ];
    if (error) parts.push(el('pre', {}, error.text || error.type));
    if (given) parts.push(argumentsOf(given));
    if ((task.failed || task.cancelled) && given?.obstacle) parts.push(el('p', {}, `It cannot run again: ${given.obstacle}.`));
    if (!isRunning) {
      this.links(parts, 'takes results of', relations.sources(task), stage);
      this.links(parts, 'launched by', task.parent ? [task.parent] : [], stage);
      this.links(parts, 'launched', relations.childrenOf(task.id), stage);
      this.links(parts, 'its results go to', relations.takersOf(task.id), stage);
    }
    return parts;
  }

  private cellAct(cell: { id: string; label: string } | undefined): HTMLElement {
    const { goToCell } = this.actions;
    if (!cell) return el('span');
    if (!goToCell || cell.id.startsWith('In[')) return el('div', {}, `cell ${cell.label}`);
    const go = button(`Go to cell ${cell.label}`, `Go to cell ${cell.label}`, () => goToCell(cell.id));
    return el('div', { class: 'acts' }, go);
  }

  private links(parts: HTMLElement[], title: string, ids: readonly number[], stage: Stage): void {
    if (!ids.length) return;
    const list = el('div', {}, `${title} `);
    for (const id of ids.slice(0, 12)) {
      const name = stage.model.nameOf(stage.model.task(id)?.node ?? -1);
      const link = button(name, `Select task ${id.toString(16)}`, () => stage.select(id));
      link.className = 'link';
      list.append(link);
    }
    if (ids.length > 12) list.append(` and ${count(ids.length - 12)} more`);
    parts.push(list);
  }
}

function argumentsOf(given: Answer): HTMLElement {
  const { arguments: rows } = given;
  if (!rows) return el('p', { class: 'faint' }, 'Its arguments are not kept any more.');
  if (!rows.length) return el('p', { class: 'faint' }, 'It takes no arguments.');
  return el('div', {}, 'arguments', facts(rows.map(([name, text], index) => [name || String(index + 1), text])));
}

function facts(rows: readonly (readonly [string, string | HTMLElement])[]): HTMLElement {
  const shown = rows.filter(([, value]) => value !== '');
  return el('dl', {}, ...shown.flatMap(([name, value]) => [el('dt', {}, name), typeof value === 'string' ? el('dd', {}, value) : value]));
}
