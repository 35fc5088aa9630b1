/** Frames of a kernel, heard on its IOPub channel; questions over its control channel. */

import type { ISessionContext } from '@jupyterlab/apputils';
import { KernelMessage } from '@jupyterlab/services';
import type { Feed } from '../app';
import type { Answer, Frame, Request } from '../model/wire';
import { Attention } from './attention';

const FRAME = 'ray_dashboard_frame';
/** A kernel says that it has loaded the extension: from now on it answers. */
const HELLO = 'ray_dashboard_hello';
const REQUEST = 'ray_dashboard_request';
/** What a kernel's status says when the one before has gone. */
const GONE: ReadonlySet<string> = new Set(['restarting', 'autorestarting', 'starting', 'terminating', 'dead']);

/**
 * Listens for as long as the notebook is open. Listening needs no handshake: after a reload of the
 * page it hears the next frame also while a cell runs, and a new kernel after a restart.
 */
export class KernelFeed implements Feed {
  /** The last snapshot and the deltas since: what a view that opens later begins with. */
  private recent: Frame[] = [];
  private readonly takers = new Set<(frame: Frame) => void>();
  private watchers = 0;
  /** The session whose kernel has gone. */
  private ended: string | undefined;
  private readonly attention = new Attention(what => {
    this.request({ ask: what }).catch(() => undefined); // the kernel has just gone: nothing to be slow
  });

  constructor(private readonly context: ISessionContext) {
    context.iopubMessage.connect((_, message) => {
      const kind = message.header.msg_type as string;
      if (kind === FRAME) this.hear(this.afterEnd((message.content as unknown as { frame: Frame }).frame));
      if (kind === HELLO) {
        this.recent = [];
        if (this.watchers) this.start();
      }
    });
    // A kernel that goes says nothing more: what ran in it has ended.
    context.statusChanged.connect((_, status) => {
      if (GONE.has(status)) this.end();
    });
    context.kernelChanged.connect((_, { oldValue }) => {
      if (oldValue) this.end();
    });
  }

  private end(): void {
    const { last } = this;
    if (!last || last.is_over) return;
    this.ended = last.session;
    const { version, session, seq, now_us, totals, bins } = last;
    this.hear({
      version, session, kind: 'delta', seq: seq + 1, now_us, totals: { ...totals, live: 0 }, cells: [], nodes: [], edges: [], lanes: [], tasks: [],
      errors: [], bins: { width_us: bins.width_us, lanes: {}, all: false }, is_over: true
    });
  }

  /** What a kernel said last may come after it has gone, and one frame of ours has been put before it. */
  private afterEnd(frame: Frame): Frame {
    return frame.session === this.ended ? { ...frame, seq: frame.seq + 1, is_over: true } : frame;
  }

  /**
   * Somebody looks: have the kernel send frames, when it has loaded the extension, and now if it may
   * be asked. Who does not look costs nothing. Returns what tells that nobody looks any more.
   */
  watch(asks = true): () => void {
    this.watchers++;
    if (asks && !this.last) this.start();
    return () => {
      this.watchers--;
    };
  }

  private start(): void {
    // A kernel without ray_jupyter does not know the question, and does not answer.
    this.request({ ask: 'start' }).catch(() => undefined);
  }

  get last(): Frame | undefined {
    return this.recent[this.recent.length - 1];
  }

  subscribe(take: (frame: Frame) => void): () => void {
    for (const frame of this.recent) take(frame);
    this.takers.add(take);
    return () => this.takers.delete(take);
  }

  see(who: object, looks: boolean): void {
    this.attention.see(who, looks);
  }

  async request(request: Request): Promise<Answer> {
    const kernel = this.context.session?.kernel;
    if (!kernel) throw new Error('no kernel is running');
    const message = KernelMessage.createMessage({
      channel: 'control',
      msgType: REQUEST as KernelMessage.ControlMessageType,
      session: kernel.clientId,
      username: kernel.username,
      content: request
    } as unknown as KernelMessage.IOptions<KernelMessage.IInterruptRequestMsg>);
    const future = kernel.sendControlMessage(message, true);
    const reply = await future.done;
    return reply.content as unknown as Answer;
  }

  private hear(frame: Frame): void {
    if (frame.kind === 'snapshot') this.recent = [frame];
    else if (this.recent.length) this.recent.push(frame);
    this.attention.hear(frame);
    for (const take of this.takers) take(frame);
  }
}
