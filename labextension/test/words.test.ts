import assert from 'node:assert/strict';
import test from 'node:test';
import { SvgPen, escape } from '../src/drawing/pen';
import { bytes, counted, cut, duration, moment, outcomeOf } from '../src/model/words';

test('durations', () => {
  assert.deepEqual([0, 12, 1_500, 25_000, 999_900, 1_234_000, 75_000_000, 7_500_000_000].map(duration), ['0 µs', '12 µs', '1.5 ms', '25 ms', '1.00 s', '1.23 s', '1 min 15 s', '2 h 5 min']);
});

test('sizes, counts and moments', () => {
  assert.deepEqual([0, 999, 1_000, 48_800, 480_000, 7_582_950_604].map(bytes), ['0 B', '999 B', '1.0 kB', '48.8 kB', '480 kB', '7.6 GB']);
  assert.deepEqual([counted(1, 'worker'), counted(1_200, 'worker')], ['1 worker', '1,200 workers']);
  assert.deepEqual([moment(1_234_567, 10_000), moment(1_234_567, 60_000_000)], ['1.2346 s', '1 s']);
  assert.equal(cut('abcdef', 4), 'abc…');
});

test('what users name is text in a picture, never markup', () => {
  const pen = new SvgPen();
  pen.text(0, 0, '<img src=x onerror=alert(1)> & "more"', '#000', 10);
  assert.ok(pen.picture(1, 1).body.includes('&lt;img src=x onerror=alert(1)&gt; &amp; &quot;more&quot;'));
  assert.equal(escape('\u0000\u001b'), '\ufffd\ufffd');
});

test('how a task stands is said by a sign and a word', () => {
  const said = [
    outcomeOf({ endUs: -1, failed: false, cancelled: false }), outcomeOf({ endUs: 5, failed: false, cancelled: false }),
    outcomeOf({ endUs: 5, failed: true, cancelled: false }), outcomeOf({ endUs: 5, failed: false, cancelled: true })
  ];
  assert.deepEqual(said, ['● running', '✓ finished', '✕ failed', '⊘ cancelled']);
});
