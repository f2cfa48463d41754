import {
  amount,
  atRest,
  bdi,
  button,
  drawing,
  figure,
  finder,
  floats,
  h,
  hint,
  historyEditor,
  historyPicker,
  integers,
  labelled,
  line,
  lines,
  listbox,
  mount,
  select,
  svg,
} from "./kit.js";

const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [210, 44, 26, 12, 36]; // pixels, of the curves
// The events that are watched have a letter, a colour and a dash each.
const STYLES = [
  ["A", "var(--sq-accent)", ""],
  ["B", "var(--sq-warn)", "7 3"],
  ["C", "var(--sq-fg)", "2 3"],
];

const percent = (p) => `${(100 * p).toFixed(p > 0 && p < 0.095 ? 1 : 0)} %`;
const letter = (k) => h("span", { class: "sq-strong", style: `color:${STYLES[k][1]};min-width:1em` }, STYLES[k][0]);
const clipped = (p) => Math.max(0, Math.min(1, p));

// The chance of each event that is watched: a curve, in a band of a standard error; thin, as it was before the edits.
function curves(frame, state) {
  const draw = (width) => {
    const { at, told, marks, unit, asked } = state;
    const [right, bottom] = [width - RIGHT, HEIGHT - BOTTOM];
    const x = (share) => (LEFT + share * (right - LEFT)).toFixed(1);
    const y = (p) => (bottom - clipped(p) * (bottom - TOP)).toFixed(1);
    const text = (left, top, anchor, words) => svg("text", { x: left, y: top, "text-anchor": anchor }, words);
    const rule = (x1, x2, y1, y2, more) => svg("line", { x1, x2, y1, y2, stroke: "var(--sq-line)", ...more });
    const points = (values) => [`${x(0)} ${bottom}`, ...Array.from(values, (p, i) => `${x(at[i])} ${y(p)}`)];
    const curve = (values, color, more) =>
      svg("path", { d: `M${points(values).join("L")}`, fill: "none", stroke: color, ...more });
    const drawn = ({ chance, error, before }, k) => {
      const [name, color, dash] = STYLES[k];
      const edge = (sign) => points(chance.map((p, i) => clipped(p + sign * error[i])));
      const band = `M${[...edge(1), ...edge(-1).reverse()].join("L")}Z`;
      return [
        svg("path", { d: band, fill: color, "fill-opacity": 0.2 }),
        before ? curve(before, color, { "stroke-width": 1 }) : "",
        curve(chance, color, { "stroke-width": 2.5, "stroke-dasharray": dash }),
        svg("text", { x: right + 5, y: state.ends[k], style: `fill:${color};font-weight:600` }, name),
      ];
    };
    return [
      ...[0, 0.25, 0.5, 0.75, 1].flatMap((p) => [
        rule(LEFT, right, y(p), y(p), { "stroke-opacity": p ? 0.35 : 1 }),
        text(LEFT - 5, Number(y(p)) + 4, "end", percent(p)),
      ]),
      ...marks.map(([share, words]) => text(x(share), bottom + 15, "middle", words)),
      text((LEFT + right) / 2, bottom + 31, "middle", unit),
      rule(x(at[asked]), x(at[asked]), TOP, bottom, { "stroke-dasharray": "3 4" }),
      ...told.flatMap(drawn),
    ];
  };
  return drawing(frame, HEIGHT, draw, { role: "img" });
}

// Where letters stand beside the ends of curves, so that none hides another.
function placed(chances) {
  const ends = chances.map((p) => HEIGHT - BOTTOM + 4 - p * (HEIGHT - BOTTOM - TOP));
  const order = [...ends.keys()].sort((a, b) => ends[a] - ends[b]);
  for (let i = 1; i < order.length; i++) ends[order[i]] = Math.max(ends[order[i]], ends[order[i - 1]] + 13);
  return ends;
}

function render({ model, el }) {
  const frame = mount(el, "Future explorer", model);
  const titles = lines(model.get("_titles"));
  const kinds = [...titles, ...(model.get("_asked").ends ? ["(end)"] : [])];
  const user = historyPicker(frame, el, model, { whose: "History of " });
  const editor = historyEditor(user, { empty: "No event yet: add some, and watch what may come." });
  const { order } = user;
  const waiting = atRest(frame, (version) => order("run", { version }));
  const state = { at: [0], told: [], marks: [], unit: "", asked: 0, ends: [] };
  let [shown, asked, answer, paths] = [{}, { watched: [] }, {}, []];

  const goods = finder({
    label: "Add an event",
    placeholder: "Search",
    texts: () => titles,
    onpick: editor.add,
    rows: 4,
  });
  const watching = finder({
    label: "Watch an event",
    placeholder: "Search",
    texts: () => kinds,
    onpick: (item) => order("watch", { item }),
    row: (i) => {
      const k = asked.watched.indexOf(i);
      const name = bdi(kinds[i], "sq-label");
      return k < 0 ? [h("span", { style: "min-width:1em" }), name] : [letter(k), name, figure("✓ watched")];
    },
    rows: 4,
  });
  const picture = curves(frame, state);
  const slider = h("input", {
    type: "range",
    min: 0,
    style: `width:calc(100% - ${LEFT + RIGHT}px);margin-left:${LEFT}px`,
    "aria-label": "Within",
    oninput: () => tell(Number(slider.value)),
  });
  const body = h("tbody");
  const span = h("span");
  const heads = ["Event", "Chance", "Before the edits"].map((name) => h("th", { scope: "col" }, name));
  const figures = h("table", {}, h("thead", {}, h("tr", {}, heads)), body);
  const problem = h("p", { class: "sq-warn", role: "status" });
  const detail = h("p", { class: "sq-detail", role: "status" });
  const fan = listbox({
    label: "Paths",
    rowHeight: 24,
    rows: 10,
    row: (i) => [amount(i + 1, 1.6), strip(paths[i]), h("span", { class: "sq-hidden" }, paths[i].text)],
    onmove: (i) => detail.replaceChildren(`Path ${i + 1}: `, bdi(paths[i].text)),
  });

  // A path as a row: letters where events come that are watched, points where others do, a bar where it ends.
  function strip({ columns, shares }) {
    const marks = Array.from(columns, (column, i) => {
      const [k, isEnd] = [asked.watched.indexOf(column), column === titles.length];
      const mark = k < 0 ? h("span", {}, isEnd ? "▌" : "·") : letter(k);
      const place = `calc(${100 * shares[i]}% + ${isEnd ? 0.6 : -0.5}em)`;
      mark.style.cssText += `;position:absolute;left:${place};text-align:center;min-width:1em`;
      return mark;
    });
    const style = "position:relative;flex:1;height:18px;margin:0 1.5em 0 .6em";
    return h("span", { style, "aria-hidden": "true" }, marks);
  }
  // The chances within one of the spans, as figures.
  function tell(i) {
    state.asked = i;
    span.textContent = answer.steps[i];
    slider.setAttribute("aria-valuetext", answer.steps[i]);
    const told = ({ title, chance, error, before }, k) =>
      h(
        "tr",
        {},
        h("td", { class: "sq-text" }, letter(k), " ", bdi(title)),
        h("td", {}, `${percent(chance[i])} ± ${percent(error[i])}`),
        h("td", {}, before ? percent(before[i]) : "–"),
      );
    body.replaceChildren(...state.told.map(told));
    picture.redraw();
  }
  function follow() {
    answer = model.get("_futures");
    if (!waiting.isHere(answer, asked)) return;
    problem.textContent = answer.problem;
    if (answer.problem) return;
    const read = ({ title, chance, error, before }) => ({
      title,
      chance: floats(chance),
      error: floats(error),
      before: before && floats(before),
    });
    const { marks, unit } = answer;
    Object.assign(state, { at: floats(answer.at), told: answer.curves.map(read), marks, unit });
    state.ends = placed(state.told.map(({ chance }) => chance.at(-1)));
    const last = ({ title, chance }, k) => `${STYLES[k][0]}, ${title}: ${percent(chance.at(-1))}`;
    const said = state.told.map(last).join("; ");
    picture.element.setAttribute("aria-label", `Chances within ${answer.steps.at(-1)}. ${said}`);
    frame.say(said);
    slider.max = state.at.length - 1;
    slider.value = slider.max;
    tell(state.at.length - 1);
    const [columns, shares, texts] = [integers(answer.columns), floats(answer.shares), lines(answer.texts)];
    let from = 0;
    paths = Array.from(integers(answer.lengths), (n, i) => {
      from += n;
      return { columns: columns.subarray(from - n, from), shares: shares.subarray(from - n, from), text: texts[i] };
    });
    fan.update(paths.length, -1);
    detail.textContent = "";
  }
  function draw() {
    const before = [shown.version, asked.version];
    [shown, asked] = [model.get("_shown"), model.get("_asked")];
    if (shown.version !== before[0]) {
      editor.read(shown);
      editor.draw();
      frame.say(shown.said);
    }
    if (asked.version !== before[1]) {
      const { spans, span: now } = asked;
      const pick = (text) => order("look", { span: spans.indexOf(text) });
      look.replaceChildren(labelled("Look ahead", select("Look ahead", spans, spans[now], pick)));
      watching.repaint();
    }
    follow();
  }

  const look = h("span");
  const grid = "display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(min(260px,100%),1fr))";
  const page = { style: "display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px;overflow-wrap:anywhere" };
  const part = (grow, nodes) => h("div", { style: `flex:${grow} 1 310px;min-width:0` }, nodes);
  const watch = h("section", {}, h("h4", {}, "Watch an event, three at most"), watching.element);
  const view = [
    picture.element,
    hint("Band: a standard error. Thin: before the edits."),
    slider,
    h("div", { style: grid }, h("section", {}, line("Within ", span), figures), watch),
    h("h3", {}, "Paths it may take"),
    hint("On the left is now, on the right as far as is looked. ▌: the end. Choose one to read it."),
    fan.element,
    detail,
  ];
  frame.add(
    hint("Pick a user, change the history, and see at once what may come, and with which chance."),
    h(
      "div",
      page,
      part(1, [
        ...user.picking,
        ...editor.elements,
        h("h3", {}, "Add an event"),
        hint("It is inserted after the selected event."),
        goods.element,
      ]),
      part(2, [
        h("h3", {}, "What may come"),
        line(
          look,
          button("Other paths", () => order("another")),
          waiting.status,
        ),
        problem,
        ...view,
      ]),
    ),
  );
  frame.on(model, "_shown _asked _futures", draw);
  watching.update();
  goods.update();
  draw();
  return () => frame.unmount();
}

export default { render };
