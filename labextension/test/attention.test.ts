import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Attention } from '../src/hosts/attention';
import type { Frame } from '../src/model/wire';

const frame = (isSlow: boolean): Frame => ({ is_slow: isSlow }) as unknown as Frame;

test('when the last one has looked away for a while, the kernel may be slow', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const asked: string[] = [];
  const attention = new Attention(what => asked.push(what), () => 0);
  const [panel, output] = [{}, {}];
  attention.see(panel, true);
  attention.see(output, true);
  attention.see(panel, false);
  mock.timers.tick(10_000);
  assert.deepEqual(asked, []);
  attention.see(output, false);
  mock.timers.tick(1_000);
  attention.see(output, true); // only scrolled past
  mock.timers.tick(10_000);
  assert.deepEqual(asked, []);
  attention.see(output, false);
  mock.timers.tick(10_000);
  assert.deepEqual(asked, ['slow']);
  attention.see(panel, false); // once is enough
  mock.timers.tick(10_000);
  assert.deepEqual(asked, ['slow']);
  mock.timers.reset();
});

test('who looks objects to slow frames, but not to each of them', () => {
  const asked: string[] = [];
  let nowMs = 0;
  const attention = new Attention(what => asked.push(what), () => nowMs);
  attention.hear(frame(true));
  assert.deepEqual(asked, []); // nobody looks
  attention.see(attention, true);
  attention.hear(frame(true));
  assert.deepEqual(asked, ['start']);
  nowMs = 4_000;
  attention.hear(frame(true));
  attention.hear(frame(false));
  assert.deepEqual(asked, ['start', 'start']);
});
