import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { APART, DARK, inkOn, isDark, LIGHT, opaque } from '../src/drawing/palette';
import { Colours, COLOURS, GREY } from '../src/model/colours';
import { contrast, difference, VISIONS } from './vision';

const PALETTES: [string, readonly string[], string[]][] = [['light', LIGHT, ['#ffffff']], ['dark', DARK, ['#111111', '#212121']]];

for (const [name, palette, grounds] of PALETTES) {
  for (const vision of Object.keys(VISIONS)) {
    test(`${name}: any two colours are apart for ${vision} eyes`, () => {
      for (const [at, one] of palette.entries()) {
        for (const other of palette.slice(0, at)) {
          const apart = difference(one, other, vision);
          assert.ok(apart >= APART, `${one} and ${other}: ${apart.toFixed(1)}, less than ${APART}`);
        }
      }
    });
  }

  test(`${name}: all are seen on the ground, and text is read on all of them`, () => {
    for (const colour of palette) {
      for (const ground of grounds) assert.ok(contrast(colour, ground) >= 3, `${colour} on ${ground}: ${contrast(colour, ground).toFixed(2)}`);
      assert.ok(contrast(inkOn(colour), colour) >= 4.2, `${inkOn(colour)} on ${colour}: ${contrast(inkOn(colour), colour).toFixed(2)}`);
    }
  });
}

test('the simulation knows what it should', () => {
  assert.ok(difference('#d55e00', '#8f7700', 'deutan') < 7, 'two that deuteranopes mix up');
  assert.ok(difference('#d55e00', '#8f7700') > 20);
  assert.equal(difference('#123456', '#123456', 'tritan'), 0);
  assert.ok(Math.abs(contrast('#ffffff', '#000000') - 21) < 1e-6);
});

test('a function keeps its colour: by its name, in every cell, whatever came before', () => {
  const one = new Colours();
  const other = new Colours();
  assert.equal(one.of('load'), other.of('load'));
  one.of('clean');
  assert.equal(one.of('load'), other.of('load'));
  assert.equal(one.of('(other functions)'), GREY);
});

test('eight functions have eight colours, the ninth shares one', () => {
  const colours = new Colours();
  const places = Array.from({ length: 8 }, (_, at) => colours.of(`f${at}`));
  assert.equal(new Set(places).size, COLOURS);
  assert.ok(colours.of('ninth') < COLOURS);
  assert.equal(LIGHT.length, COLOURS + 1);
  assert.equal(DARK.length, COLOURS + 1);
});

test('Python gives the same colours', () => {
  const { names, places } = JSON.parse(readFileSync('test/colours.json', 'utf8')) as { names: string[]; places: number[] };
  const colours = new Colours();
  assert.deepEqual(names.map(name => colours.of(name)), places);
});

test('colours of themes become opaque', () => {
  assert.equal(opaque('rgba(0, 0, 0, 0.5)', '#ffffff'), '#808080');
  assert.equal(opaque('rgb(18, 52, 86)', '#ffffff'), '#123456');
  assert.equal(opaque('rgb(100% 0% 0%)', '#ffffff'), 'rgb(100% 0% 0%)');
  assert.equal(opaque('none', '#ffffff'), 'none');
  assert.deepEqual(['#ffffff', '#fff', '#111111', '#1e1e1e'].map(isDark), [false, false, true, true]);
});
