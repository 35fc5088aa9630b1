/**
 * The widget for anywidget (VS Code, Colab, composition), and the module that reports and the
 * replay page import: `mount`. One ES module without imports.
 */

import type { AnyModel } from '@anywidget/types';
import { mount, type Feed } from '../app';
import type { Answer, Frame, Request } from '../model/wire';
import { Attention } from './attention';

export { mount } from '../app';
export { Replay } from './replay';

interface State {
  snapshot: Frame | Record<string, never>;
  height_css_px: number;
}

interface Message {
  frame?: Frame;
  reply?: number;
  answer?: Answer;
}

/** Frames and answers over the widget's messages. */
class WidgetFeed implements Feed {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private next = 1;
  private readonly attention = new Attention(what => void this.request({ ask: what }));

  constructor(private readonly model: AnyModel<State>) {}

  subscribe(take: (frame: Frame) => void): () => void {
    const snapshot = (): void => {
      const frame = this.model.get('snapshot');
      if ('session' in frame) this.seen(frame as Frame, take);
    };
    const message = (content: Message): void => {
      if (content.frame) this.seen(content.frame, take);
      if (content.reply !== undefined && content.answer) {
        this.waiting.get(content.reply)?.(content.answer);
        this.waiting.delete(content.reply);
      }
    };
    snapshot();
    this.model.on('change:snapshot', snapshot);
    this.model.on('msg:custom', message);
    return () => {
      this.model.off('change:snapshot', snapshot);
      this.model.off('msg:custom', message);
    };
  }

  see(who: object, looks: boolean): void {
    this.attention.see(who, looks);
  }

  request(request: Request): Promise<Answer> {
    const number = this.next++;
    this.model.send({ ...request, request: number });
    return new Promise(resolve => this.waiting.set(number, resolve));
  }

  private seen(frame: Frame, take: (frame: Frame) => void): void {
    take(frame);
    this.attention.hear(frame);
    this.model.send({ seen: frame.seq });
  }
}

function render({ model, el }: { model: AnyModel<State>; el: HTMLElement }): () => void {
  // Not `el` itself: ipywidgets sets the style of that one, and takes a height away that it did not set.
  const place = document.createElement('div');
  el.append(place);
  const resize = (): void => {
    place.style.height = `${model.get('height_css_px')}px`;
  };
  resize();
  model.on('change:height_css_px', resize);
  const app = mount(place, new WidgetFeed(model));
  return () => {
    model.off('change:height_css_px', resize);
    app.dispose();
    place.remove();
  };
}

export default { render };
