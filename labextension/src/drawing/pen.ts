/**
 * One way to draw, on a canvas or into SVG: what is seen is what "save as SVG" writes.
 */

export type Face = 'plain' | 'bold' | 'mono';

const MONO = 'ui-monospace, monospace';
const FACES: Record<Face, string> = { plain: '', bold: ' font-weight="600"', mono: ` font-family="${MONO}" xml:space="preserve"` };

/** A part of an SVG file. */
export interface Picture {
  width: number;
  height: number;
  /** Its elements, as markup. */
  body: string;
}

export interface Pen {
  rect(x: number, y: number, width: number, height: number, fill: string, alpha?: number): void;
  line(x1: number, y1: number, x2: number, y2: number, stroke: string, width?: number): void;
  outline(x: number, y: number, width: number, height: number, stroke: string, width_?: number): void;
  text(x: number, y: number, text: string, fill: string, size: number, anchor?: 'start' | 'middle' | 'end', face?: Face): void;
  path(points: readonly (readonly [number, number])[], stroke: string, width: number): void;
}

export class CanvasPen implements Pen {
  constructor(private readonly context: CanvasRenderingContext2D, private readonly font: string) {}

  rect(x: number, y: number, width: number, height: number, fill: string, alpha = 1): void {
    this.context.globalAlpha = alpha;
    this.context.fillStyle = fill;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  line(x1: number, y1: number, x2: number, y2: number, stroke: string, width = 1): void {
    this.path([[x1, y1], [x2, y2]], stroke, width);
  }

  outline(x: number, y: number, width: number, height: number, stroke: string, width_ = 1): void {
    this.context.strokeStyle = stroke;
    this.context.lineWidth = width_;
    this.context.strokeRect(x, y, width, height);
  }

  text(x: number, y: number, text: string, fill: string, size: number, anchor: 'start' | 'middle' | 'end' = 'start', face: Face = 'plain'): void {
    this.context.fillStyle = fill;
    this.context.font = `${face === 'bold' ? '600 ' : ''}${size}px ${face === 'mono' ? MONO : this.font}`;
    this.context.textAlign = anchor === 'middle' ? 'center' : anchor;
    this.context.fillText(text, x, y);
  }

  path(points: readonly (readonly [number, number])[], stroke: string, width: number): void {
    this.context.strokeStyle = stroke;
    this.context.lineWidth = width;
    this.context.beginPath();
    points.forEach(([x, y], index) => (index ? this.context.lineTo(x, y) : this.context.moveTo(x, y)));
    this.context.stroke();
  }
}

export class SvgPen implements Pen {
  private readonly parts: string[] = [];

  rect(x: number, y: number, width: number, height: number, fill: string, alpha = 1): void {
    const see = alpha === 1 ? '' : ` opacity="${alpha}"`;
    this.parts.push(`<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" fill="${escape(fill)}"${see}/>`);
  }

  line(x1: number, y1: number, x2: number, y2: number, stroke: string, width = 1): void {
    this.path([[x1, y1], [x2, y2]], stroke, width);
  }

  outline(x: number, y: number, width: number, height: number, stroke: string, width_ = 1): void {
    this.parts.push(
      `<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" fill="none" stroke="${escape(stroke)}" stroke-width="${width_}"/>`
    );
  }

  text(x: number, y: number, text: string, fill: string, size: number, anchor: 'start' | 'middle' | 'end' = 'start', face: Face = 'plain'): void {
    this.parts.push(
      `<text x="${n(x)}" y="${n(y)}" fill="${escape(fill)}" font-size="${size}" text-anchor="${anchor}"${FACES[face]}>${escape(text)}</text>`
    );
  }

  path(points: readonly (readonly [number, number])[], stroke: string, width: number): void {
    const d = points.map(([x, y], index) => `${index ? 'L' : 'M'}${n(x)},${n(y)}`).join('');
    this.parts.push(`<path d="${d}" fill="none" stroke="${escape(stroke)}" stroke-width="${width}"/>`);
  }

  picture(width: number, height: number): Picture {
    return { width, height, body: this.parts.join('') };
  }
}

/** Pictures one below the other as an SVG file that needs nothing but itself. */
export function svgFile(pictures: readonly Picture[], title: string, ground: string, font: string): string {
  const width = Math.max(...pictures.map(picture => picture.width));
  let height = 0;
  const parts = pictures.map(picture => {
    const at = `translate(${n((width - picture.width) / 2)},${n(height)})`;
    height += picture.height;
    return `<g transform="${at}">${picture.body}</g>`;
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${n(width)}" height="${n(height)}" ` +
    `viewBox="0 0 ${n(width)} ${n(height)}" font-family="${escape(font)}"><title>${escape(title)}</title>` +
    `<rect width="100%" height="100%" fill="${escape(ground)}"/>${parts.join('')}</svg>`
  );
}

export function escape(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, character => names[character]!).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd');
}

function n(value: number): string {
  return value.toFixed(2).replace(/\.?0+$/, '');
}
