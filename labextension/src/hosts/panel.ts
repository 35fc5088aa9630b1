/** The side panel: the dashboard of the current notebook. */

import { LabIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { mount, type App } from '../app';
import type { Notebooks } from './notebooks';

export const icon = new LabIcon({
  name: 'ray-jupyter:dashboard',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><g class="jp-icon3" fill="#616161">' +
    '<rect x="1" y="2" width="7" height="3" rx="1"/><rect x="5" y="6.5" width="9" height="3" rx="1"/><rect x="2" y="11" width="6" height="3" rx="1"/>' +
    '</g></svg>'
});

export class PanelView extends Widget {
  private app: App | undefined;
  private shown: NotebookPanel | null = null;
  private unwatch: (() => void) | undefined;
  private readonly place = document.createElement('div');

  constructor(private readonly notebooks: Notebooks) {
    super();
    this.id = 'ray-jupyter-dashboard';
    this.title.icon = icon;
    this.title.caption = 'Ray Dashboard';
    this.title.label = '';
    this.addClass('ray-jupyter-panel');
    this.node.style.minWidth = '320px';
    this.place.style.height = '100%';
    this.node.append(this.place);
    notebooks.changed.connect(() => {
      if (this.isVisible) this.open();
    });
  }

  protected override onAfterShow(): void {
    this.open();
  }

  protected override onAfterHide(): void {
    this.end();
  }

  private end(): void {
    this.unwatch?.();
    this.unwatch = undefined;
    this.app?.dispose();
    this.app = undefined;
    this.shown = null;
  }

  private open(): void {
    const panel = this.notebooks.current;
    if (this.app && panel === this.shown) return;
    this.end();
    this.shown = panel;
    if (!panel) {
      this.app = mount(this.place, null);
      return;
    }
    const feed = this.notebooks.feedOf(panel);
    this.app = mount(this.place, feed, this.notebooks.hostOf(panel));
    this.unwatch = feed.watch();
  }
}
