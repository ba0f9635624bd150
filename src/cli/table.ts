import { styleText } from 'node:util';

export type Style = 'good' | 'bad' | 'wait' | 'faint' | 'strong';
/** Adds colour, or not: colour is never the only carrier of a fact. */
export type Paint = (style: Style, text: string) => string;

const STYLES = { good: 'green', bad: 'red', wait: 'yellow', faint: 'dim', strong: 'bold' } as const;

export const plain: Paint = (_style, text) => text;
export const coloured: Paint = (style, text) => styleText(STYLES[style], text, { validateStream: false });

/** A cell is a text, perhaps with a style for it. */
export type Cell = string | readonly [text: string, style: Style];

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell[0]);

/** Columns as wide as their widest cell, as kubectl prints them. Paint comes after padding, so widths hold. */
export function table(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
  indent = '',
): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => textOf(row[i] ?? '').length)));
  const line = (cells: readonly Cell[]): string => {
    const last = cells.length - 1;
    const painted = cells.map((cell, i) => {
      const text = textOf(cell);
      const padding = i === last ? '' : ' '.repeat((widths[i] ?? 0) - text.length + 3);
      return (typeof cell === 'string' ? text : paint(cell[1], text)) + padding;
    });
    return (indent + painted.join('')).trimEnd();
  };
  return [line(header), ...rows.map(line)].join('\n');
}

const GOOD = new Set(['Running', 'Ready', 'Succeeded', 'True']);
const BAD = new Set(['Failed', 'Degraded', 'Recovering', 'False']);

export function styleOf(word: string): Style {
  if (GOOD.has(word)) return 'good';
  return BAD.has(word) ? 'bad' : 'wait';
}
