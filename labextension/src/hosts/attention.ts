/**
 * Whether anybody looks at what a kernel sends: when the last one looks away, the kernel is asked to
 * be slow; whoever looks and hears that it is slow asks it to go on. So pages need not know of one
 * another, and one that has gone without a word does no harm. No DOM.
 */

import type { Frame } from '../model/wire';

/** Scrolling past is not looking away. */
const PATIENCE_MS = 3_000;

export class Attention {
  private readonly lookers = new Set<object>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isSlow = false;
  private askedMs = -Infinity;

  constructor(private readonly ask: (what: 'start' | 'slow') => void, private readonly nowMs = (): number => performance.now()) {}

  /** Somebody looks, or does not any more. */
  see(who: object, looks: boolean): void {
    const before = this.lookers.size;
    if (looks) this.lookers.add(who);
    else this.lookers.delete(who);
    if (this.lookers.size) {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.object();
    } else if (before) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        if (!this.isSlow) this.ask('slow');
      }, PATIENCE_MS);
    }
  }

  /** A frame came. */
  hear(frame: Frame): void {
    this.isSlow = frame.is_slow ?? false;
    this.object();
  }

  private object(): void {
    if (!this.isSlow || !this.lookers.size || this.nowMs() - this.askedMs < PATIENCE_MS) return;
    this.askedMs = this.nowMs();
    this.ask('start');
  }
}
