/**
 * The output of `%ray_dashboard`: paints the snapshot that is saved in the notebook at once, and is
 * live while a kernel runs. Never uses data as markup, as `safe` obliges.
 */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import { mount, type App, type Feed } from '../app';
import type { Frame } from '../model/wire';
import type { Notebooks } from './notebooks';

const HEIGHT_CSS_PX = 440;

export class OutputView extends Widget implements IRenderMime.IRenderer {
  private app: App | undefined;
  private snapshot: Frame | null = null;
  private view: string | undefined;
  private unwatch: (() => void) | undefined;

  constructor(private readonly mime: string, private readonly notebooks: Notebooks) {
    super();
    this.node.style.height = `${HEIGHT_CSS_PX}px`;
    this.node.style.overflow = 'hidden';
    this.node.style.resize = 'vertical';
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const data = model.data[this.mime] as unknown as { snapshot: Frame | null; view?: string } | undefined;
    this.snapshot = data?.snapshot ?? null;
    this.view = data?.view;
    if (this.isAttached) this.open();
    return Promise.resolve();
  }

  protected override onAfterAttach(): void {
    this.open();
  }

  protected override onBeforeDetach(): void {
    this.unwatch?.();
    this.unwatch = undefined;
    this.app?.dispose();
    this.app = undefined;
  }

  private open(): void {
    if (this.app) {
      if (this.snapshot) this.app.take(this.snapshot);
      return; // it came from the kernel: a file has one only
    }
    const panel = this.notebooks.around(this.node);
    const snapshot = this.snapshot;
    if (!panel) {
      this.app = mount(this.node, snapshot, { tab: this.view });
      return;
    }
    const live = this.notebooks.feedOf(panel);
    const feed: Feed = {
      subscribe: take => {
        if (snapshot) take({ ...snapshot, is_kept: live.last?.session !== snapshot.session });
        return live.subscribe(take);
      },
      request: request => live.request(request),
      see: (who, looks) => live.see(who, looks)
    };
    // It follows the next kernel, which says when it can be asked; this one sends frames already.
    this.unwatch = live.watch(false);
    this.app = mount(this.node, feed, { ...this.notebooks.hostOf(panel), tab: this.view });
  }
}
