/** The item in the status bar: how many workers are busy, what waits, how full the store is. */

import { Widget } from '@lumino/widgets';
import { say } from '../drawing/dom';
import type { Frame } from '../model/wire';
import { bytes, count } from '../model/words';
import type { Notebooks } from './notebooks';

export class StatusItem extends Widget {
  private forget: (() => void) | undefined;
  private wanted = true;
  private busy = new Map<number, string>();

  constructor(private readonly notebooks: Notebooks, open: () => void) {
    super();
    this.addClass('jp-StatusBar-TextItem');
    this.node.setAttribute('role', 'button');
    this.node.tabIndex = 0;
    this.node.title = 'Show the Ray Dashboard';
    this.node.style.cursor = 'pointer';
    this.node.addEventListener('click', open);
    this.node.addEventListener('keydown', event => {
      if (event.key === 'Enter' || event.key === ' ') open();
    });
    this.hide();
    notebooks.changed.connect(() => this.follow());
    this.follow();
  }

  set isWanted(value: boolean) {
    this.wanted = value;
    if (!value) this.hide();
  }

  get isShown(): boolean {
    return this.wanted && this.node.textContent !== '';
  }

  private follow(): void {
    this.forget?.();
    this.busy = new Map();
    say(this.node, '');
    this.hide();
    const panel = this.notebooks.current;
    this.forget = panel ? this.notebooks.feedOf(panel).subscribe(frame => this.take(frame)) : undefined;
  }

  private take(frame: Frame): void {
    if (frame.kind === 'snapshot') this.busy = new Map();
    for (const lane of frame.lanes) this.busy.set(lane[0], lane[3]);
    const activities = [...this.busy.values()].filter(activity => activity !== 'GONE');
    const busy = activities.filter(activity => activity === 'RUNNING').length;
    const waiting = Math.max(0, (frame.totals['live'] ?? 0) - busy);
    const used = frame.totals['store_used_bytes'] ?? 0;
    say(this.node, frame.is_over ? 'ray: ended' : `ray: ${busy}/${activities.length} busy · ${count(waiting)} waiting · ${bytes(used)}`);
    this.setHidden(!this.wanted);
  }
}
