/** Frames of a kernel, heard on its IOPub channel; questions over its control channel. */

import type { ISessionContext } from '@jupyterlab/apputils';
import { KernelMessage } from '@jupyterlab/services';
import type { Feed } from '../app';
import type { Answer, Frame, Request } from '../model/wire';

const FRAME = 'ray_dashboard_frame';
const REQUEST = 'ray_dashboard_request';

/**
 * Listens for as long as the notebook is open. Listening needs no handshake: after a reload of the
 * page it hears the next frame also while a cell runs, and a new kernel after a restart.
 */
export class KernelFeed implements Feed {
  /** The last snapshot and the deltas since: what a view that opens later begins with. */
  private recent: Frame[] = [];
  private readonly takers = new Set<(frame: Frame) => void>();

  constructor(private readonly context: ISessionContext) {
    context.iopubMessage.connect((_, message) => {
      if ((message.header.msg_type as string) !== FRAME) return;
      this.hear((message.content as unknown as { frame: Frame }).frame);
    });
  }

  get last(): Frame | undefined {
    return this.recent[this.recent.length - 1];
  }

  subscribe(take: (frame: Frame) => void): () => void {
    for (const frame of this.recent) take(frame);
    this.takers.add(take);
    return () => this.takers.delete(take);
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
    for (const take of this.takers) take(frame);
  }
}
