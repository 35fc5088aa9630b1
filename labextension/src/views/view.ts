/** What the views have in common. */

import type { Picture } from '../drawing/pen';
import type { Model, Task } from '../model/model';
import type { Answer } from '../model/wire';
import type { Relations } from '../model/relations';

export interface Table {
  caption: string;
  columns: string[];
  rows: (string | number)[][];
}

/** What views may ask of the frame around them. */
export interface Stage {
  readonly model: Model;
  /** The selected task, or 0. */
  readonly task: number;
  /** The selected function, or -1. */
  readonly node: number;
  readonly relations: Relations;
  readonly isNarrow: boolean;
  select(task: number, node?: number): void;
  /** Ask for older single tasks of a stretch of time; they come with a later update. */
  wantTasks(startUs: number, endUs: number): void;
  /** What the kernel said of the selected task, if it has said something. */
  givenTo(task: number): Answer | undefined;
  isCritical(task: Task): boolean;
}

export interface View {
  readonly id: string;
  readonly title: string;
  readonly element: HTMLElement;
  /** Draw the stage's state; called at most ten times a second, and only while it is seen. */
  update(stage: Stage): void;
  /** The same as a table, for screen readers and for whoever prefers reading. */
  table(stage: Stage): Table;
  /** The pictures as they are now, one below the other: all there is in a list as far as it has room. */
  picture(stage: Stage): Picture[];
}
