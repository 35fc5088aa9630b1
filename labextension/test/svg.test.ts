import assert from 'node:assert/strict';
import test from 'node:test';
import { SvgPen, svgFile } from '../src/drawing/pen';

test('pictures stand one below the other, in the middle', () => {
  const wide = new SvgPen();
  wide.rect(0, 0, 10, 10, '#123456');
  const narrow = new SvgPen();
  narrow.text(1, 2, 'a <b> & "c"', '#000000', 11, 'start', 'bold');
  const file = svgFile([wide.picture(100, 30), narrow.picture(40, 20)], 'x < y', '#ffffff', 'system-ui, "Segoe UI"');
  assert.match(file, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="100" height="50" viewBox="0 0 100 50"/);
  assert.match(file, /<title>x &lt; y<\/title>/);
  assert.match(file, /<g transform="translate\(30,30\)"><text[^>]* font-weight="600">a &lt;b&gt; &amp; &quot;c&quot;<\/text><\/g>/);
});
