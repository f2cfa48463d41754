import {
  h,
  svg,
  mount,
  nextFrame,
  drawing,
  listbox,
  select,
  labelled,
  number,
  ticks,
  doubles,
  integers,
  lines,
  put,
} from "./kit.js";

const HEIGHT = 330;
const EDGE = { left: 52, right: 16, top: 28, bottom: 40 };
const COLUMNS = "minmax(9.4em,1.3fr) minmax(0,1.2fr) 8.4em";
const ROW = `display:grid;grid-template-columns:${COLUMNS};gap:8px;align-items:center;width:100%`;
const ROW_HEIGHT = 60;

const name = (text) => h("bdi", {}, text);
const muted = (...words) => h("span", { class: "sq-muted" }, words);
const interval = (low, high) => `${number(low)} to ${number(high)}`;
const joined = (names) => names.flatMap((text, i) => [i ? ", " : "", name(text)]);

// What Python sent, looked up by model and metric.
function figuresOf(model) {
  const [models, metrics] = [lines(model.get("_models")), lines(model.get("_metrics"))];
  const size = models.length * metrics.length;
  const look = (values) => (i, j) => [0, 1, 2].map((part) => values[part * size + i * metrics.length + j]);
  const [figures, counts] = [doubles(model.get("_figures")), integers(model.get("_counts"))];
  const lower = model.get("_lower");
  const data = {
    models,
    metrics,
    lower,
    figure: look(figures),
    difference: (i, j) => look(doubles(model.get("_differences")))(i, j),
    count: (i, j) => counts[i * metrics.length + j],
    // The models, best first; those without a figure come last.
    order(j) {
      const merit = (i) => (lower[j] ? -1 : 1) * figures[i * metrics.length + j];
      const key = models.map((_, i) => (Number.isFinite(merit(i)) ? merit(i) : -Infinity));
      return models.map((_, i) => i).sort((a, b) => (key[a] === key[b] ? a - b : key[b] - key[a]));
    },
    isBest(i, j) {
      const mean = data.figure(i, j)[0];
      return models.length > 1 && Number.isFinite(mean) && mean === data.figure(data.order(j)[0], j)[0];
    },
  };
  return data;
}

// How a model stands to the reference: a few words for the list, and a sentence on what chance could do.
function verdict(data, i, j, reference) {
  const named = name(data.models[reference]);
  const [change, low, high] = data.difference(i, j);
  if (Number.isNaN(data.figure(i, j)[0])) return ["no figure", "It has no such figure."];
  if (i === reference) return ["the reference", "The others are compared with it."];
  if (Number.isNaN(change))
    return ["not comparable", "Not comparable with ", named, ": that has no such figure, or of other sequences."];
  if (change === 0) return ["equal", "Equal to ", named, "."];
  const word = change > 0 !== data.lower[j] ? "better" : "worse";
  const by = number(Math.abs(change));
  const than = [`${word === "better" ? "Better" : "Worse"} than `, named, ` by ${by}`];
  if (Number.isNaN(low))
    return [`${word} by ${by}`, ...than, ". Single numbers have no interval, so chance cannot be judged."];
  if (low > 0 || high < 0) return [`${word} by ${by}`, ...than, ` (difference ${interval(low, high)}): beyond chance.`];
  return ["within chance", "No clear difference to ", named, `: ${interval(low, high)}, which may be chance.`];
}

// A model's figure and interval on a scale that all rows share; the dashed line is the reference.
function dots([mean, low, high], across, at) {
  const line = (from, to, look) =>
    Number.isFinite(from + to) && svg("line", { x1: across(from), x2: across(to), ...look });
  const parts = [
    line(at, at, { y1: -8, y2: 34, stroke: "var(--sq-line)", "stroke-dasharray": "3 3" }),
    line(low, high, { y1: 13, y2: 13, stroke: "var(--sq-accent)", "stroke-width": 3 }),
    Number.isFinite(mean) && svg("circle", { cx: across(mean), cy: 13, r: 5, fill: "var(--sq-accent)" }),
  ];
  return svg("svg", { width: "100%", height: 26, "aria-hidden": "true" }, parts.filter(Boolean));
}

// From numbers to places, between `start` and `end`, with a little room at both sides. What spans more than a factor of
// a hundred is drawn by its logarithm.
function scale(values, start, end) {
  const finite = values.filter(Number.isFinite);
  if (!finite.length) return { at: () => start, ticks: () => [] };
  let [low, high] = [Math.min(...finite), Math.max(...finite)];
  const log = low > 0 && high > 100 * low;
  const [to, from] = log ? [Math.log10, (value) => 10 ** value] : [(value) => value, (value) => value];
  const spare = (to(high) - to(low)) * 0.06 || Math.abs(high) * 0.1 || 1;
  [low, high] = [to(low) - spare, to(high) + spare];
  const whole = (n) => ticks(low, high, n).filter((value) => !log || Number.isInteger(value));
  return {
    log,
    at: (value) => start + ((end - start) * (to(value) - low)) / (high - low),
    ticks: (n) => whole(n).map(from),
  };
}

// Where each label fits without touching a mark or another label; null where none of four places does.
function placed(points, width) {
  const measure = h("canvas").getContext("2d");
  measure.font = "600 12px system-ui, sans-serif";
  const taken = points.map(({ px, py, r }) => [px - r, py - r, px + r, py + r]);
  const free = ([x1, y1, x2, y2]) =>
    x1 > EDGE.left &&
    x2 < width &&
    y1 > 0 &&
    y2 < HEIGHT - EDGE.bottom &&
    !taken.some(([a, b, c, d]) => x1 < c && a < x2 && y1 < d && b < y2);
  return points.map(({ px, py, r, text }) => {
    const wide = measure.measureText(text).width + 4;
    const places = [
      [px + r + 2, py + 4, "start", px + r + 1],
      [px - r - 2, py + 4, "end", px - r - 1 - wide],
      [px, py - r - 5, "middle", px - wide / 2],
      [px, py + r + 13, "middle", px - wide / 2],
    ];
    const found = places.find(([, y, , left]) => free([left, y - 11, left + wide, y + 4]));
    if (found) taken.push([found[3], found[1] - 11, found[3] + wide, found[1] + 4]);
    return found && { x: found[0], y: found[1], "text-anchor": found[2] };
  });
}

function axes(width, across, up, titles) {
  const [bottom, right] = [HEIGHT - EDGE.bottom, width - EDGE.right];
  const line = (attributes) => svg("line", { stroke: "var(--sq-line)", "stroke-opacity": 0.35, ...attributes });
  return [
    ...across
      .ticks(Math.max(3, Math.floor(width / 65)))
      .flatMap((value) => [
        line({ x1: across.at(value), x2: across.at(value), y1: EDGE.top, y2: bottom }),
        svg("text", { x: across.at(value), y: bottom + 16, "text-anchor": "middle" }, number(value)),
      ]),
    ...up
      .ticks(6)
      .flatMap((value) => [
        line({ x1: EDGE.left, x2: right, y1: up.at(value), y2: up.at(value) }),
        svg("text", { x: EDGE.left - 6, y: up.at(value) + 4, "text-anchor": "end" }, number(value)),
      ]),
    svg("text", { x: right, y: bottom + 34, "text-anchor": "end" }, `${titles[0]} →`),
    svg("text", { x: 0, y: 12 }, `↑ ${titles[1]}`),
  ];
}

// Any metric against any other. `state()` gives the two, the models in focus and those that no other beats.
function tradeOff(frame, data, state, onpick) {
  const said = h("p", { class: "sq-muted" });
  const title = (j, log) =>
    `${cut(data.metrics[j], 30)}${data.lower[j] ? ", lower is better" : ""}${log ? ", logarithmic" : ""}`;
  const bar = (x1, x2, y1, y2) =>
    Number.isFinite(x1 + x2 + y1 + y2) &&
    svg("line", { x1, x2, y1, y2, stroke: "var(--sq-line)", "stroke-width": 1.5 });
  const cross = ({ px, py, xs, ys }) => [bar(...xs, py, py), bar(px, px, ...ys)].filter(Boolean);
  const mark = (point, place, focus) => {
    const look = {
      fill: point.best ? "var(--sq-accent)" : "var(--sq-bg)",
      stroke: "var(--sq-accent)",
      "stroke-width": 2,
    };
    const at = `M${point.px} ${point.py}`;
    const shape = point.best
      ? svg("path", { d: `${at}m0-7 7 7-7 7-7-7z`, ...look })
      : svg("circle", { cx: point.px, cy: point.py, r: 5, ...look });
    const ring =
      focus &&
      svg("circle", { cx: point.px, cy: point.py, r: 11, fill: "none", stroke: "var(--sq-fg)", "stroke-width": 2 });
    const text =
      place && svg("text", { ...place, style: `fill:var(--sq-fg);font-weight:${focus ? 600 : 400}` }, point.text);
    const tip = svg("title", {}, `${data.models[point.i]}: ${number(point.x[0])}, ${number(point.y[0])}`);
    return svg(
      "g",
      { onclick: () => onpick(point.i), style: "cursor:pointer" },
      [tip, shape, ring, text].filter(Boolean),
    );
  };
  const draw = (width) => {
    const { x, y, focus, best } = state();
    const known = data.models
      .map((text, i) => ({
        i,
        text: cut(text, 22),
        x: data.figure(i, x),
        y: data.figure(i, y),
        best: best.includes(text),
      }))
      .filter((point) => Number.isFinite(point.x[0]) && Number.isFinite(point.y[0]))
      .sort((a, b) => (b.i === focus) - (a.i === focus) || b.best - a.best);
    if (!known.length) return [svg("text", { x: 0, y: 16 }, "No model has both figures.")];
    const across = scale(
      known.flatMap((point) => point.x),
      EDGE.left,
      width - EDGE.right,
    );
    const up = scale(
      known.flatMap((point) => point.y),
      HEIGHT - EDGE.bottom,
      EDGE.top,
    );
    const points = known.map((point) => ({
      ...point,
      r: point.i === focus ? 12 : 7,
      px: across.at(point.x[0]),
      py: up.at(point.y[0]),
      xs: point.x.slice(1).map(across.at),
      ys: point.y.slice(1).map(up.at),
    }));
    const places = placed(points, width);
    const [lost, gone] = [places.filter((place) => !place).length, data.models.length - known.length];
    said.replaceChildren(
      "Diamonds: no other model is as good on both and better on one (",
      ...joined(best.slice(0, 8)),
      best.length > 8 ? ", …)." : ").",
      lost ? ` Names without room: ${lost}. Point at a mark, or choose a model in the list.` : "",
      gone ? ` Models without both figures: ${gone}.` : "",
    );
    const marks = points.map((point, k) => mark(point, places[k], point.i === focus));
    return [
      ...axes(width, across, up, [title(x, across.log), title(y, up.log)]),
      ...points.flatMap(cross),
      ...marks.reverse(),
    ];
  };
  const picture = drawing(frame, HEIGHT, draw, { role: "img" });
  return {
    element: h("div", {}, picture.element, said),
    update() {
      const { x, y } = state();
      said.replaceChildren();
      picture.element.setAttribute("aria-label", `${title(y)}, against ${title(x)}. The table below has the figures.`);
      picture.redraw();
    },
  };
}

const cut = (text, width) => (text.length > width ? `${text.slice(0, width - 1)}…` : text);

function table(data) {
  const cell = (i, j) => {
    const [mean, low, high] = data.figure(i, j);
    const best = data.isBest(i, j);
    const value = h("span", { class: best ? "sq-strong" : "" }, number(mean), best ? " best" : "");
    return h(
      "td",
      { class: "sq-figure" },
      value,
      Number.isNaN(low) ? null : h("div", { class: "sq-muted" }, interval(low, high)),
    );
  };
  const heading = (text, j) =>
    h(
      "th",
      { scope: "col" },
      name(cut(text, 30)),
      data.lower[j] ? h("div", { class: "sq-muted" }, "lower is better") : null,
    );
  const row = (text, i) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", title: text }, name(cut(text, 30))),
      data.metrics.map((_, j) => cell(i, j)),
    );
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "model"), data.metrics.map(heading)));
  const all = h("table", {}, head, h("tbody", {}, data.models.map(row)));
  return h("div", { style: "overflow-x:auto", tabindex: 0, role: "region", "aria-label": "Table of all figures" }, all);
}

function render({ model, el }) {
  const frame = mount(el, "Comparison of models", model);
  const data = figuresOf(model);
  const chosen = (trait) => data.metrics.indexOf(model.get(trait));
  const index = (trait) => data.models.indexOf(model.get(trait));
  let [order, across] = [[], null];

  const row = (k) => {
    const [i, j] = [order[k], chosen("metric")];
    const [mean, low, high] = data.figure(i, j);
    const best = data.isBest(i, j) ? h("b", {}, "best · ") : null;
    const words = verdict(data, i, j, index("reference"))[0];
    const [, from, to] = i === index("reference") ? [] : data.difference(i, j);
    const change = Number.isFinite(from + to) ? muted(interval(from, to)) : null;
    const title = h("div", { class: "sq-label" }, best, name(data.models[i]));
    const text = h("div", { class: "sq-figure" }, title, muted(words), h("br"), change);
    const figures = h(
      "div",
      { class: "sq-figure", style: "text-align:right" },
      number(mean),
      Number.isNaN(low) ? null : [h("br"), muted(interval(low, high))],
    );
    const place = (value) => `${across.at(value)}%`;
    return h(
      "div",
      { style: `${ROW};line-height:1.3` },
      text,
      dots([mean, low, high], place, data.figure(index("reference"), j)[0]),
      figures,
    );
  };
  const list = listbox({
    label: "Models, best first",
    rows: Math.min(data.models.length, 9),
    rowHeight: ROW_HEIGHT,
    row,
    onmove: (k) => data.models[order[k]] !== model.get("model") && put(model, "model", data.models[order[k]]),
  });
  list.element.style.scrollbarGutter = "stable";
  const axis = svg("svg", { width: "100%", height: 18, "aria-hidden": "true" });
  const header = h(
    "div",
    { style: `${ROW};padding:0 9px;overflow-y:hidden;scrollbar-gutter:stable` },
    muted("model"),
    axis,
    h("div", { class: "sq-muted", style: "text-align:right" }, "95 % interval"),
  );
  const detail = h("p", { style: "min-height:4.2em" });
  const pick = (i) => put(model, "model", data.models[i]);
  const state = () => ({ x: chosen("x"), y: chosen("y"), focus: index("model"), best: model.get("undominated") });
  const plot = tradeOff(frame, data, state, pick);

  const selects = Object.fromEntries(
    [
      ["metric", "Sorted by"],
      ["reference", "Compared with"],
      ["x", "Across"],
      ["y", "Upwards"],
    ].map(([trait, text]) => {
      const control = select(text, trait === "reference" ? data.models : data.metrics, model.get(trait), (value) =>
        put(model, trait, value),
      );
      control.style.maxWidth = "15em";
      return [trait, { control, element: labelled(text, control) }];
    }),
  );
  const describe = () => {
    const [i, j] = [index("model"), chosen("metric")];
    if (i < 0)
      return detail.replaceChildren(muted("Choose a model to read how it compares. The dashed line is the reference."));
    const [mean, low, high] = data.figure(i, j);
    const n = data.count(i, j).toLocaleString();
    const ends = Number.isNaN(low) ? "" : ` (95 % interval ${interval(low, high)}; ${n} sequences)`;
    const [, ...sentence] = verdict(data, i, j, index("reference"));
    detail.replaceChildren(
      h("b", {}, name(data.models[i])),
      ": ",
      name(data.metrics[j]),
      ` ${number(mean)}${ends}. `,
      ...sentence,
    );
    frame.say(detail.textContent);
  };
  const update = () => {
    const j = chosen("metric");
    order = data.order(j);
    const all = data.models.flatMap((_, i) => data.figure(i, j));
    across = scale(all, 2, 98);
    if (!across.log) across = scale([0, ...all], 2, 98);
    const shown = data.models.some((_, i) => Number.isFinite(data.figure(i, j)[0])) ? across.ticks(4) : [];
    axis.replaceChildren(
      ...shown.map((value) =>
        svg("text", { x: `${across.at(value)}%`, y: 13, "text-anchor": "middle" }, number(value)),
      ),
    );
    for (const [trait, { control }] of Object.entries(selects)) control.value = model.get(trait);
    list.update(order.length, order.indexOf(index("model")));
    describe();
    plot.update();
  };
  const notes = model.get("_notes").map((note) => h("p", { class: "sq-warn" }, name(note)));
  const both = data.metrics.length > 1;
  frame.add(
    h("h3", {}, "Comparison of models"),
    h(
      "div",
      { class: "sq-columns" },
      h(
        "div",
        {},
        h("h4", {}, "Which is best?"),
        h("div", { class: "sq-line" }, selects.metric.element, selects.reference.element),
        header,
        list.element,
        detail,
      ),
      both
        ? h(
            "div",
            {},
            h("h4", {}, "Trade-off"),
            h("div", { class: "sq-line" }, selects.y.element, selects.x.element),
            plot.element,
          )
        : null,
    ),
    ...notes,
    h("details", { open: data.models.length <= 12 }, h("summary", {}, "All figures"), table(data)),
  );
  // One message may change several traits.
  frame.on(model, "metric x y model reference undominated _differences", nextFrame(update));
  update();
  return () => frame.unmount();
}

export default { render };
