/** Workers by the machines on which they run: a level above them, where there is more than one machine. */

import type { Lane } from './model';
import { counted } from './words';

export interface Machine {
  /** Empty where the session is on one machine, without a name. */
  name: string;
  lanes: Lane[];
}

/** What a list of workers shows, in order: a machine with a name, then its workers. */
export type Row = Machine | Lane;

/** The machines in the order in which they were first heard of. */
export function machinesOf(lanes: readonly Lane[]): Machine[] {
  const found = new Map<string, Machine>();
  for (const lane of lanes) {
    const machine = found.get(lane.machine) ?? { name: lane.machine, lanes: [] };
    found.set(lane.machine, machine);
    machine.lanes.push(lane);
  }
  return [...found.values()];
}

export function rowsOf(lanes: readonly Lane[]): Row[] {
  return machinesOf(lanes).flatMap(machine => (machine.name ? [machine, ...machine.lanes] : machine.lanes));
}

export function isMachine(row: Row): row is Machine {
  return 'lanes' in row;
}

/** `host-1 · 2 of 4 workers busy`. */
export function headingOf(machine: Machine): string {
  const there = machine.lanes.filter(lane => lane.activity !== 'GONE');
  if (!there.length) return `${machine.name} · gone`;
  const busy = there.filter(lane => lane.activity !== 'IDLE').length;
  return `${machine.name} · ${busy} of ${counted(there.length, 'worker')} busy`;
}
