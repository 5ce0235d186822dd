/** Line charts as SVG: panels one below the other, each with an axis of its own from zero up. */

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Where the bottom is marked, and with what. */
  readonly ticks: readonly (readonly [x: number, text: string])[];
}

const width = 640;
const panelHeight = 200;
const plot = { left: 70, right: 130, top: 34, bottom: 28 };
const plotWidth = width - plot.left - plot.right;
const plotHeight = panelHeight - plot.top - plot.bottom;
/** Told apart by people who see colours differently, on white and on black: Okabe and Ito, 2008. */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const paper = 'fill="#ffffff"';

/** The smallest of these times a power of ten that is not below `value`. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function panelSvg({ title, lines, ticks }: Panel, topAt: number): string {
  const xs = [...lines.flatMap(({ points }) => points.map(([x]) => x)), ...ticks.map(([x]) => x)];
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter(Number.isFinite);
  const [fromX, toX] = [Math.min(...xs), Math.max(...xs)];
  const toY = roundUp(Math.max(...ys, Number.MIN_VALUE));
  const xAt = (x: number) => (plot.left + plotWidth * (x - fromX) / (toX - fromX || 1)).toFixed(1);
  const yAt = (y: number) => (topAt + plot.top + plotHeight * (1 - y / toY)).toFixed(1);
  const text = (x: string | number, y: string | number, words: string, more = "") =>
    `<text x="${x}" y="${y}" ${more}>${escape(words)}</text>`;

  const grid = [0, toY / 2, toY].flatMap((y) => [
    `<line x1="${plot.left}" x2="${plot.left + plotWidth}" y1="${yAt(y)}" y2="${yAt(y)}" stroke="#cccccc"/>`,
    text(plot.left - 8, Number(yAt(y)) + 4, String(Number(y.toPrecision(3))), 'text-anchor="end"'),
  ]);
  const marks = ticks.map(([x, words]) =>
    text(xAt(x), topAt + panelHeight - plot.bottom + 18, words, 'text-anchor="middle"')
  );
  const drawn = lines.flatMap(({ name, points }, place) => {
    const colour = colours[place % colours.length]!;
    const known = points.filter(([, y]) => Number.isFinite(y));
    const path = known.map(([x, y]) => `${xAt(x)},${yAt(y)}`).join(" ");
    const nameAt = [plot.left + plotWidth + 10, topAt + plot.top + 4 + 18 * place] as const;
    return [
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      text(...nameAt, name, `fill="${colour}"`),
    ];
  });
  return [text(plot.left, topAt + 18, title, 'font-weight="bold"'), ...grid, ...marks, ...drawn].join("\n");
}

function chartSvg(panels: readonly Panel[]): string {
  const height = panels.length * panelHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    'font-family="sans-serif" font-size="12">',
    `<rect width="${width}" height="${height}" ${paper}/>`,
    ...panels.map((panel, place) => panelSvg(panel, place * panelHeight)),
    "</svg>\n",
  ].join("\n");
}

/** Writes a chart beside this file; answers the Markdown that shows it. */
export function writeChart(name: string, meaning: string, panels: readonly Panel[]): string {
  Deno.writeTextFileSync(new URL(name, import.meta.url), chartSvg(panels));
  return `![${meaning}](${name})`;
}
