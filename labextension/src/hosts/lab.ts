/** JupyterLab and Notebook 7: the live output, the side panel, the status bar, commands. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { Notebooks } from './notebooks';
import { OutputView } from './output';
import { PanelView } from './panel';
import { StatusItem } from './status';

export const MIME = 'application/vnd.ray-jupyter.dashboard+json';
/** Before the widget manager's -10: next to a widget this is the better one. */
const RANK = -20;
const OPEN = 'ray-jupyter:open-dashboard';
const INSERT = 'ray-jupyter:insert-dashboard';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'ray-jupyter-labextension:plugin',
  description: 'The dashboard of ray_jupyter: see the work while it runs.',
  autoStart: true,
  requires: [INotebookTracker, IRenderMimeRegistry],
  optional: [IStatusBar, ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    rendermime: IRenderMimeRegistry,
    statusBar: IStatusBar | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null
  ) => {
    const notebooks = new Notebooks(tracker);
    rendermime.addFactory(
      { safe: true, mimeTypes: [MIME], createRenderer: () => new OutputView(MIME, notebooks) },
      RANK
    );
    const panel = new PanelView(notebooks);
    app.shell.add(panel, 'right', { rank: 700, type: 'Ray' });
    addCommands(app, tracker, panel, palette);
    const item = statusBar ? new StatusItem(notebooks, () => void app.commands.execute(OPEN)) : undefined;
    if (statusBar && item) statusBar.registerStatusItem(plugin.id, { item, align: 'left', rank: 20, isActive: () => item.isShown });
    void settings?.load(plugin.id).then(loaded => {
      const apply = (): void => {
        if (item) item.isWanted = loaded.get('statusBar').composite !== false;
      };
      loaded.changed.connect(apply);
      apply();
    }, (reason: unknown) => console.warn('ray_jupyter: its settings could not be read:', reason));
  }
};

function addCommands(app: JupyterFrontEnd, tracker: INotebookTracker, panel: PanelView, palette: ICommandPalette | null): void {
  app.commands.addCommand(OPEN, {
    label: 'Show the Ray Dashboard',
    caption: 'Show the work of the current notebook while it runs',
    execute: () => app.shell.activateById(panel.id)
  });
  app.commands.addCommand(INSERT, {
    label: 'Insert the Ray Dashboard below',
    caption: 'Insert a cell with %ray_dashboard below the current one',
    isEnabled: () => tracker.currentWidget !== null,
    execute: () => insertBelow(tracker.currentWidget, '%ray_dashboard')
  });
  for (const command of [OPEN, INSERT]) palette?.addItem({ command, category: 'Ray' });
}

/** Put a code cell below the active one; it is not run. */
export function insertBelow(panel: NotebookPanel | null, source: string): void {
  const notebook = panel?.content;
  if (!notebook?.model) return;
  const index = notebook.activeCellIndex + 1;
  notebook.model.sharedModel.insertCell(index, { cell_type: 'code', source });
  notebook.activeCellIndex = index;
}

export default plugin;
