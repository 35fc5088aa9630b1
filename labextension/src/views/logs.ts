/** What tasks printed, and errors, as they came. */

import { el, say } from '../drawing/dom';
import { themeOf } from '../drawing/palette';
import type { Picture } from '../drawing/pen';
import { moment } from '../model/words';
import type { LogRow } from '../model/wire';
import type { Row } from './rows';
import { drawSheet } from './sheet';
import type { Stage, Table, View } from './view';

const SHOWN_MAX = 500;
const SHEET_MAX = 100;

export class LogsView implements View {
  readonly id = 'logs';
  readonly title = 'Logs';
  readonly element = el('div', { class: 'pane' });

  private readonly filter = el('input', { type: 'search', placeholder: 'only lines with …', 'aria-label': 'Only lines with this text' });
  private readonly list = el('div', { class: 'log', role: 'log', 'aria-live': 'off', tabindex: 0 });
  private readonly scroll = el('div', { class: 'scroll' }, this.list);
  private readonly note = el('span');
  private shown = '';
  private stage: Stage | undefined;

  constructor() {
    this.filter.addEventListener('input', () => {
      if (this.stage) this.update(this.stage);
    });
    this.filter.addEventListener('keydown', event => event.stopPropagation());
    this.element.append(el('div', { class: 'row' }, this.filter, this.note), this.scroll);
  }

  update(stage: Stage): void {
    this.stage = stage;
    const lines = this.lines(stage).slice(-SHOWN_MAX);
    const last = lines[lines.length - 1];
    const state = `${this.filter.value}|${lines.length}|${last?.[0] ?? 0}|${last?.[4] ?? ''}|${stage.task}`;
    if (state === this.shown) return;
    this.shown = state;
    const follows = this.scroll.scrollTop + this.scroll.clientHeight >= this.scroll.scrollHeight - 24;
    this.list.replaceChildren(
      ...lines.map(([atUs, task, pid, stream, text]) =>
        el(
          'div',
          { class: stream === 'stderr' || stream === 'error' ? 'err' : undefined },
          el('span', {}, moment(atUs, 2_000_000)),
          el('span', { title: who(task, pid, stage) }, who(task, pid, stage)),
          el('div', {}, stream === 'error' ? '✕ ' : stream === 'stderr' ? '! ' : '', text)
        )
      )
    );
    say(this.note, lines.length ? '' : 'Nothing has been printed yet.');
    if (follows) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  table(stage: Stage): Table {
    return {
      caption: 'What tasks printed',
      columns: ['when', 'who', 'stream', 'text'],
      rows: this.lines(stage).slice(-SHOWN_MAX).map(([atUs, task, pid, stream, text]) => [moment(atUs, 2_000_000), who(task, pid, stage), stream, text])
    };
  }

  picture(stage: Stage): Picture[] {
    const lines = this.lines(stage).slice(-SHEET_MAX);
    const rows = lines.flatMap(([atUs, task, pid, stream, text], number) =>
      text.split('\n').map((line, at): Row => {
        const isFirst = at === 0;
        const isBad = stream === 'stderr' || stream === 'error';
        return {
          key: `${number}.${at}`, failed: isFirst && isBad,
          cells: [{ text: isFirst ? (isBad ? `✕ ${stream}` : stream) : '' }, { text: isFirst ? moment(atUs, 2_000_000) : '', number: true },
            { text: isFirst ? who(task, pid, stage) : '' }, { text: line }]
        };
      })
    );
    return [drawSheet({ title: 'What tasks printed', columns: ['stream', 'when', 'who', 'text'], rows, mono: [3] }, themeOf(this.element))];
  }

  private lines(stage: Stage): LogRow[] {
    const { model } = stage;
    const errors: LogRow[] = [...model.errors].map(([task, { type, text }]) => {
      const found = model.tasks.get(task);
      return [found?.endUs ?? 0, task, 0, 'error', text || type];
    });
    const wanted = this.filter.value.trim().toLowerCase();
    return [...model.logs, ...errors]
      .filter(row => !wanted || `${who(row[1], row[2], stage)} ${row[4]}`.toLowerCase().includes(wanted))
      .sort((a, b) => a[0] - b[0]);
  }
}

function who(task: number, pid: number, stage: Stage): string {
  const found = stage.model.task(task);
  return found ? stage.model.nameOf(found.node) : pid ? `pid ${pid}` : `task ${task}`;
}
