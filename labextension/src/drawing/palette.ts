/**
 * Colours. A function has one of eight by its name (`model/colours.ts`); state is told by shape
 * and text too. `dashboard/picture.py` has the light ones as well.
 *
 * Both palettes were found by a search: as protanopes, deuteranopes, tritanopes and everybody else
 * see them, any two of a palette are at least `APART` apart (CIEDE2000; Okabe and Ito's set, which was
 * here before, comes down to 1 for protanopes once it is made dark enough for white ground), and
 * all have a contrast of 3 to the ground. `test/palette.test.ts` computes it again.
 */

/** How far any two colours of a palette are apart for everybody, as CIEDE2000. */
export const APART = 12;

/** By the place of a colour; the last, grey, is for what is no one function. */
export const LIGHT: readonly string[] = [
  '#1758a0', '#c0883b', '#048059', '#83205f', '#559cbd', '#614529', '#8852fa', '#656f03', '#6b7785'
];
export const DARK: readonly string[] = [
  '#62b0fb', '#feb654', '#9cd5a6', '#d3447f', '#5fe8ff', '#ae916a', '#c326e8', '#64880e', '#98a2ad'
];
const [DARK_INK, LIGHT_INK] = ['#14181d', '#ffffff'];

/** The colour at a place as a style's value: it follows the theme. */
export function colourAt(place: number): string {
  return `var(--rd-colour-${place})`;
}

/** The style that says what `colourAt` stands for. */
export function colourVariables(palette: readonly string[]): string {
  return palette.map((colour, place) => `--rd-colour-${place}: ${colour};`).join(' ');
}

export interface Theme {
  ink: string;
  faint: string;
  line: string;
  ground: string;
  raised: string;
  bad: string;
  accent: string;
  font: string;
  colours: readonly string[];
}

let last: { key: string; theme: Theme } | undefined;

/**
 * The colours of the page the element is in: JupyterLab's, VS Code's, or the system's. All are
 * `#rrggbb`, as drawing programs want them in files.
 */
export function themeOf(element: Element): Theme {
  const style = getComputedStyle(element);
  const names = ['ground', 'ink', 'faint', 'line', 'raised', 'bad', 'accent'] as const;
  const raw = names.map(name => style.getPropertyValue(`--rd-${name}`).trim());
  const key = [...raw, style.fontFamily].join('|');
  if (last?.key === key) return last.theme;
  const ground = opaque(plain(raw[0]!), '#ffffff');
  const [ink, faint, line, raised, bad, accent] = raw.slice(1).map(colour => opaque(plain(colour), ground));
  const theme: Theme = {
    ground, ink: ink!, faint: faint!, line: line!, raised: raised!, bad: bad!, accent: accent!,
    font: style.fontFamily, colours: isDark(ground) ? DARK : LIGHT
  };
  last = { key, theme };
  return theme;
}

/** Any colour as `#rrggbb` or `rgba(…)`, which is how a canvas says it. */
function plain(colour: string): string {
  const context = document.createElement('canvas').getContext('2d');
  if (!context || !colour) return colour || '#888888';
  context.fillStyle = colour;
  return String(context.fillStyle);
}

/** What `#rrggbb` or `rgba(…)` looks like on a ground. Others come back as they are. */
export function opaque(colour: string, ground: string): string {
  const found = /^rgba?\(([^)]*)\)$/.exec(colour)?.[1]?.split(/[\s,/]+/).map(Number);
  if (!found || found.length < 3 || found.some(Number.isNaN)) return colour;
  const alpha = found[3] ?? 1;
  const below = parts(ground);
  return `#${found.slice(0, 3).map((part, at) => hex(part * alpha + (below[at] ?? 0) * (1 - alpha))).join('')}`;
}

export function isDark(ground: string): boolean {
  return luminance(ground) < 0.18;
}

/** What text on a colour is written in: black or white, whichever is read better. */
export function inkOn(colour: string): string {
  return luminance(colour) > 0.2 ? DARK_INK : LIGHT_INK;
}

function luminance(colour: string): number {
  const [r, g, b] = parts(colour).map(part => (part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * (r ?? 1) + 0.7152 * (g ?? 1) + 0.0722 * (b ?? 1);
}

function parts(colour: string): number[] {
  const digits = colour.slice(1);
  const wide = digits.length === 3 ? [...digits].map(digit => digit + digit) : digits.match(/../g) ?? [];
  return wide.slice(0, 3).map(part => parseInt(part, 16));
}

function hex(part: number): string {
  return Math.round(part).toString(16).padStart(2, '0');
}
