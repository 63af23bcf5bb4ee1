// Accuracy against hidden layers, as SVG.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MARKS = ["circle", "square", "diamond", "triangle"];
export const STYLES = MARKS.length;

function node(name, attributes, text) {
  const made = document.createElementNS(NAMESPACE, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

function mark(kind, x, y) {
  const r = 4.5;
  const shapes = {
    circle: () => node("circle", { cx: x, cy: y, r }),
    square: () => node("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r }),
    diamond: () =>
      node("path", { d: `M${x} ${y - 1.4 * r}l${1.4 * r} ${1.4 * r}l${-1.4 * r} ${1.4 * r}l${-1.4 * r} ${-1.4 * r}z` }),
    triangle: () =>
      node("path", { d: `M${x} ${y - 1.3 * r}l${1.2 * r} ${2.2 * r}h${-2.4 * r}z` }),
  };
  return shapes[kind]();
}

// curves: [{name, values, style, isHollow}], style a number below STYLES. lines: [{name, value}].
// theory: values or nothing.
export function drawChart(place, { title, x, y, depths, curves, lines, theory, theoryName }) {
  const width = Math.max(place.clientWidth, 280);
  const height = Math.round(Math.min(Math.max(0.58 * width, 260), 560));
  const em = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const box = { left: 48 * em, right: width - 12, top: 12, bottom: height - 42 * em };
  const atX = (depth) => box.left + ((box.right - box.left) * depth) / Math.max(depths, 1);
  const atY = (value) => box.bottom - (box.bottom - box.top) * value;
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title });
  for (let tick = 0; tick <= 10; tick += 2) {
    const level = atY(tick / 10);
    svg.append(node("line", { class: "grid", x1: box.left, x2: box.right, y1: level, y2: level }),
      node("text", { x: box.left - 8, y: level + 4 * em, "text-anchor": "end" }, (tick / 10).toFixed(1)));
  }
  const every = Math.ceil(depths / Math.max(Math.floor((box.right - box.left) / (28 * em)), 1));
  for (let depth = 0; depth <= depths; depth += Math.max(every, 1)) {
    svg.append(node("text", { x: atX(depth), y: box.bottom + 18 * em, "text-anchor": "middle" }, depth));
  }
  svg.append(node("text", { x: (box.left + box.right) / 2, y: height - 6, "text-anchor": "middle" }, x),
    node("text", { x: 14 * em, y: (box.top + box.bottom) / 2, "text-anchor": "middle",
      transform: `rotate(-90 ${14 * em} ${(box.top + box.bottom) / 2})` }, y));
  // Curves begin high and end low: a name stands where they are not.
  lines.forEach(({ name, value }) => {
    const place = value < 0.5 ? { x: box.left + 4, "text-anchor": "start" } : { x: box.right - 2, "text-anchor": "end" };
    svg.append(node("line", { class: "level", x1: box.left, x2: box.right, y1: atY(value), y2: atY(value) }),
      node("text", { class: "level-name", y: atY(value) - 5, ...place }, name));
  });
  const path = (values) =>
    values.map((value, m) => `${m ? "L" : "M"}${atX(m).toFixed(1)} ${atY(value).toFixed(1)}`).join("");
  if (theory) {
    svg.append(node("path", { class: "theory", d: path(theory.slice(0, depths + 1)) }));
  }
  const groupOf = ({ style, isHollow }) =>
    node("g", { class: `curve style-${style}${isHollow ? " hollow" : ""}` });
  curves.forEach((curve) => {
    const { values, style } = curve;
    const group = groupOf(curve);
    group.append(node("path", { class: "line", d: path(values) }));
    values.forEach((value, m) => group.append(mark(MARKS[style], atX(m), atY(value))));
    svg.append(group);
  });
  const legend = document.createElement("ul");
  legend.className = "legend";
  const entry = (name, draw) => {
    const item = document.createElement("li");
    const key = node("svg", { width: 34, height: 14, "aria-hidden": "true" });
    draw(key);
    item.append(key, name);
    legend.append(item);
  };
  curves.forEach((curve) =>
    entry(curve.name, (key) => {
      const group = groupOf(curve);
      group.append(node("path", { class: "line", d: "M1 7H33" }), mark(MARKS[curve.style], 17, 7));
      key.append(group);
    }));
  if (theory) {
    entry(theoryName, (key) => key.append(node("path", { class: "theory", d: "M1 7H33" })));
  }
  place.replaceChildren(svg, legend);
}
