/** The open notebooks, and the feed of each. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Signal, type ISignal } from '@lumino/signaling';
import type { Host } from '../app';
import { KernelFeed } from './kernel';

export class Notebooks {
  private readonly feeds = new WeakMap<NotebookPanel, KernelFeed>();
  private readonly changed_ = new Signal<this, void>(this);

  constructor(private readonly tracker: INotebookTracker) {
    tracker.forEach(panel => this.feedOf(panel));
    tracker.widgetAdded.connect((_, panel) => this.feedOf(panel));
    tracker.currentChanged.connect(() => this.changed_.emit());
  }

  /** Another notebook is the current one. */
  get changed(): ISignal<this, void> {
    return this.changed_;
  }

  get current(): NotebookPanel | null {
    return this.tracker.currentWidget;
  }

  /** The notebook an element is in, or else the current one. */
  around(node: Node): NotebookPanel | null {
    return this.tracker.find(panel => panel.node.contains(node)) ?? this.tracker.currentWidget;
  }

  feedOf(panel: NotebookPanel): KernelFeed {
    let feed = this.feeds.get(panel);
    if (!feed) {
      feed = new KernelFeed(panel.sessionContext);
      this.feeds.set(panel, feed);
    }
    return feed;
  }

  /** What a dashboard can do in a notebook. */
  hostOf(panel: NotebookPanel): Host {
    return {
      goToCell: cellId => {
        const notebook = panel.content;
        const index = notebook.widgets.findIndex(cell => cell.model.id === cellId);
        if (index < 0) return;
        notebook.activeCellIndex = index;
        notebook.deselectAll();
        void notebook.scrollToItem(index, 'center');
      }
    };
  }
}
