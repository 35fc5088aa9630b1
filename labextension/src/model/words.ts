/** Numbers and times as people read them. Pure. */

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  return `${at && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

export function duration(us: number): string {
  if (us < 999.5) return `${Math.round(us)} µs`;
  if (us < 999_500) return `${us < 10_000 ? (us / 1_000).toFixed(1) : Math.round(us / 1_000)} ms`;
  if (us < 60_000_000) return `${(us / 1_000_000).toFixed(us < 10_000_000 ? 2 : 1)} s`;
  const s = Math.round(us / 1_000_000);
  return s < 3_600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3_600)} h ${Math.floor((s % 3_600) / 60)} min`;
}

/** A moment on the session's clock, with as many digits as a stretch of time needs. */
export function moment(us: number, stretchUs: number): string {
  const digits = stretchUs < 20_000 ? 4 : stretchUs < 200_000 ? 3 : stretchUs < 2_000_000 ? 2 : stretchUs < 20_000_000 ? 1 : 0;
  return `${(us / 1_000_000).toFixed(digits)} s`;
}

export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** How a task stands: a sign and a word. */
export function outcomeOf(task: { endUs: number; failed: boolean; cancelled: boolean }): string {
  if (task.endUs < 0) return '● running';
  return task.failed ? '✕ failed' : task.cancelled ? '⊘ cancelled' : '✓ finished';
}

/** How long a task of a function takes that comes to an end; what is cancelled does not. */
export function meanUsOf(node: { finished: number; failed: number; wallUs: number }): number {
  return node.wallUs / Math.max(1, node.finished + node.failed);
}

/** How many tasks of a function have ended, in whatever way. */
export function endedOf(node: { finished: number; failed: number; cancelled: number }): number {
  return node.finished + node.failed + node.cancelled;
}

export const ACTIVITIES: Record<string, { sign: string; word: string }> = {
  RUNNING: { sign: '●', word: 'busy' },
  BLOCKED: { sign: '◐', word: 'waiting for results' },
  IDLE: { sign: '○', word: 'idle' },
  GONE: { sign: '✕', word: 'gone' }
};
