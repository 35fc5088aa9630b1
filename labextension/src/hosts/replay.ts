/** A recorded session, played again: for development, tests and pictures. */

import type { Feed } from '../app';
import type { Frame } from '../model/wire';

export class Replay implements Feed {
  private at = 0;
  private timer: number | undefined;
  private readonly takers = new Set<(frame: Frame) => void>();

  constructor(private readonly frames: readonly Frame[], private readonly speed = 1) {}

  subscribe(take: (frame: Frame) => void): () => void {
    this.takers.add(take);
    return () => this.takers.delete(take);
  }

  /** Play from where it stands. */
  play(): void {
    const frame = this.frames[this.at++];
    if (!frame) return;
    for (const take of this.takers) take(frame);
    const next = this.frames[this.at];
    if (next) this.timer = window.setTimeout(() => this.play(), (next.now_us - frame.now_us) / 1_000 / this.speed);
  }

  pause(): void {
    window.clearTimeout(this.timer);
  }

  /** Begin again, and show everything up to a frame at once. */
  jump(to: number): void {
    this.pause();
    this.at = 0;
    while (this.at < Math.min(to, this.frames.length)) {
      const frame = this.frames[this.at++]!;
      for (const take of this.takers) take(frame);
    }
  }

  get length(): number {
    return this.frames.length;
  }
}
