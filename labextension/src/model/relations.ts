/** Which tasks belong together: ancestors, descendants, the critical path. Pure. */

import type { Task } from './model';

export interface Link {
  from: number;
  to: number;
  kind: 'launched' | 'data';
}

export interface Neighbourhood {
  tasks: Task[];
  links: Link[];
  /** How many more there would have been. */
  leftOut: number;
}

/** Finds makers and takers of objects among the tasks that are known. */
export class Relations {
  private readonly makers = new Map<number, number>();
  private readonly takers = new Map<number, number[]>();
  private readonly children = new Map<number, number[]>();

  constructor(private readonly tasks: ReadonlyMap<number, Task>) {
    for (const task of tasks.values()) {
      for (let i = 0; i < Math.max(1, Math.min(task.numReturns, 64)); i++) this.makers.set(task.id + i, task.id);
    }
    for (const task of tasks.values()) {
      if (task.parent) push(this.children, task.parent, task.id);
      for (const maker of this.sources(task)) push(this.takers, maker, task.id);
    }
  }

  maker(objectId: number): number | undefined {
    return this.makers.get(objectId);
  }

  /** The tasks whose results a task took, each once. */
  sources(task: Task): number[] {
    const found = new Set<number>();
    for (const arg of task.args) {
      const maker = this.makers.get(arg);
      if (maker !== undefined && maker !== task.id) found.add(maker);
    }
    return [...found];
  }

  takersOf(id: number): readonly number[] {
    return this.takers.get(id) ?? [];
  }

  childrenOf(id: number): readonly number[] {
    return this.children.get(id) ?? [];
  }

  /** Ancestors and descendants of a task, the nearest first, at most so many. */
  around(id: number, most: number): Neighbourhood {
    const up = this.reach(id, other => {
      const task = this.tasks.get(other);
      return task ? [...this.sources(task), ...(task.parent ? [task.parent] : [])] : [];
    });
    const down = this.reach(id, other => [...this.takersOf(other), ...this.childrenOf(other)]);
    const order = [id];
    for (let i = 0; i < Math.max(up.length, down.length); i++) {
      const one = up[i];
      const other = down[i];
      if (one !== undefined) order.push(one);
      if (other !== undefined) order.push(other);
    }
    const known = [...new Set(order)].filter(other => this.tasks.has(other));
    const kept = new Set(known.slice(0, most));
    const tasks = [...kept].flatMap(other => this.tasks.get(other) ?? []);
    const links: Link[] = [];
    for (const task of tasks) {
      for (const from of this.sources(task)) if (kept.has(from)) links.push({ from, to: task.id, kind: 'data' });
      if (kept.has(task.parent)) links.push({ from: task.parent, to: task.id, kind: 'launched' });
    }
    return { tasks, links, leftOut: known.length - kept.size };
  }

  /**
   * The chain of tasks that ends last: from the task that ended last back, each time to the source
   * that ended last, or to the parent where there was none.
   */
  criticalPath(): Task[] {
    let last: Task | undefined;
    for (const task of this.tasks.values()) if (task.startUs >= 0 && (!last || task.endUs > last.endUs)) last = task;
    const path: Task[] = [];
    const seen = new Set<number>();
    for (let task = last; task && !seen.has(task.id); ) {
      seen.add(task.id);
      path.push(task);
      let next: Task | undefined;
      for (const source of this.sources(task)) {
        const found = this.tasks.get(source);
        if (found && (!next || found.endUs > next.endUs)) next = found;
      }
      task = next ?? (task.parent ? this.tasks.get(task.parent) : undefined);
    }
    return path.reverse();
  }

  private reach(start: number, next: (id: number) => readonly number[]): number[] {
    const seen = new Set([start]);
    const order: number[] = [];
    for (let frontier = [start]; frontier.length && order.length < 5_000; ) {
      const further: number[] = [];
      for (const id of frontier) {
        for (const other of next(id)) {
          if (seen.has(other)) continue;
          seen.add(other);
          order.push(other);
          further.push(other);
        }
      }
      frontier = further;
    }
    return order;
  }
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
