/** The overview: the graph, and below it what the workers are at. What is seen first. */

import { el } from '../drawing/dom';
import type { Picture } from '../drawing/pen';
import { counted } from '../model/words';
import { GraphView } from './graph';
import { TimelineView } from './timeline';
import type { Stage, Table, View } from './view';

export class OverviewView implements View {
  readonly id = 'overview';
  readonly title = 'Overview';
  readonly element = el('div', { class: 'pane overview' });

  private readonly graph = new GraphView();
  private readonly timeline = new TimelineView(false);

  constructor() {
    this.element.append(this.graph.element, this.timeline.element);
  }

  update(stage: Stage): void {
    this.graph.update(stage);
    this.timeline.update(stage);
  }

  table(stage: Stage): Table {
    const table = this.graph.table(stage);
    const lanes = stage.model.lanes.filter(lane => lane && lane.activity !== 'GONE');
    return { ...table, caption: `Functions, run by ${counted(lanes.length, 'worker')}` };
  }

  picture(stage: Stage): Picture[] {
    return [...this.graph.picture(), ...this.timeline.picture(stage)];
  }
}
