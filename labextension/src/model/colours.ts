/**
 * Which colour a function has: by its name, so that it is the same in every cell, after a restart and
 * in every notebook; a name whose colour another one has already takes the next free one. Pure.
 * `dashboard/picture.py` does the same.
 */

export const COLOURS = 8;
/** The place of the colour of what is no one function. */
export const GREY = COLOURS;
const OTHERS = '(other functions)';

export class Colours {
  private readonly places = new Map<string, number>();

  /** The place of a name's colour; the first call with a name decides it. */
  of(name: string): number {
    if (name === OTHERS) return GREY;
    const known = this.places.get(name);
    if (known !== undefined) return known;
    const taken = new Set(this.places.values());
    const wished = wish(name);
    let place = wished;
    while (taken.has(place) && taken.size < COLOURS) place = (place + 1) % COLOURS;
    this.places.set(name, place);
    return place;
  }
}

/** With this start usual names (load, clean, train) come to different, quiet colours. */
const START = 3_675;

/** Fowler, Noll and Vo's hash of the characters, from another start, folded. */
function wish(name: string): number {
  let hash = START;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0)!, 16_777_619) >>> 0;
  return ((hash ^ (hash >>> 15)) >>> 0) % COLOURS;
}
