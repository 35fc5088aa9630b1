/**
 * Colours. A function keeps its colour for the whole session; state is told by shape and text too.
 * Okabe and Ito's set for the colour-blind, with three of the same kind; `dashboard/picture.py`
 * has the same.
 */

export const PALETTE: readonly string[] = [
  '#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#8f7700', '#7f6bb3', '#6b7785'
];

export function colourOf(place: number): string {
  return place < 0 ? '#6b7785' : PALETTE[place % PALETTE.length]!;
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
}

/** The colours of the page the element is in: JupyterLab's, VS Code's, or the system's. */
export function themeOf(element: Element): Theme {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: read('--rd-ink'), faint: read('--rd-faint'), line: read('--rd-line'), ground: read('--rd-ground'),
    raised: read('--rd-raised'), bad: read('--rd-bad'), accent: read('--rd-accent'),
    font: style.fontFamily
  };
}
