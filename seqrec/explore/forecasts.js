import {
  atRest,
  bdi,
  button,
  doubles,
  drawing,
  figure,
  finder,
  floats,
  formatter,
  h,
  hint,
  integers,
  labelled,
  line,
  lines,
  listbox,
  mount,
  nextFrame,
  put,
  select,
  svg,
  ticks,
  polyline,
  twoLines,
} from "./kit.js";

const [BOTTOM, HEIGHT, TOP, RIGHT, STRIP, PAD] = [210, 250, 20, 10, 58, 8]; // pixels of the pictures
const [INK, BOLD, WARN, PALE] = ["fg", "accent", "warn", "line"].map((name) => `var(--sq-${name})`);
const ink = (stroke, width = 1, more) => ({ stroke, "stroke-width": width, ...more });
const LINE = ink(INK, 1.3);

const two = formatter(1);
const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
const rule = (x1, x2, y1, y2, more) => svg("line", { x1, x2, y1, y2, stroke: PALE, ...more });
const faint = { "stroke-opacity": 0.3 };
const ys = (all) => all.map(([, y]) => y);

// Values, `every` so many steps from step `start` on, as points.
const points = ({ y, every, start }) => Array.from(doubles(y), (value, i) => [start + (i + 0.5) * every - 0.5, value]);

// A scale from values to pixels, with a little room.
function scaleOf(values, top, bottom) {
  const there = values.filter(Number.isFinite);
  let [low, high] = there.length ? [Math.min(...there), Math.max(...there)] : [0, 1];
  const spare = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  [low, high] = [low - spare, high + spare];
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  return { low, high, say: formatter(high - low), y };
}

// History, fan, naive line and what came, above the further columns. `move(back)` drags the origin.
function picture(frame, state, move, tell) {
  let [left, wide, grip] = [0, 1, []];
  const draw = (width) => {
    const { shown, told, at, c } = state;
    const right = width - RIGHT;
    const { low, high, y } = scaleOf([...ys(shown.y), ...(told?.values() ?? [])], TOP, BOTTOM);
    const scaled = ticks(low, high, 8);
    const say = formatter(100 * (scaled[1] - scaled[0] || 1));
    left = PAD + 7 * Math.max(3, ...scaled.map((value) => say(value).length));
    wide = (right - left) / (shown.stop - shown.start);
    const x = (i) => left + (i - shown.start + 0.5) * wide;
    const place = (all, scale = y) => all.map(([i, value]) => [x(i), scale(value)]);
    const between = (first, last) => place(shown.y.filter(([i]) => i > first - 1.5 && i < last));
    const tall = HEIGHT + shown.columns.length * STRIP;
    element.setAttribute("height", tall);
    // Half a step beyond the ends, so that a single step is seen.
    const along = (row) => {
      const all = place(Array.from(row, (value, j) => [at + told.steps[j], value]));
      return [[all[0][0] - wide / 2, all[0][1]], ...all, [all.at(-1)[0] + wide / 2, all.at(-1)[1]]];
    };
    const band = (k) => {
      const [lower, upper] = told.interval(k).map(along);
      const edge = k === c ? BOLD : "none";
      const d = `M${[...upper, ...lower.reverse()].join("L")}Z`;
      return svg("path", { d, fill: BOLD, "fill-opacity": 0.17, stroke: edge });
    };
    const came = (value, j) => {
      if (Number.isNaN(value) || (wide < 3 && !told.isOut(j))) return "";
      const [shape, stroke, bold] = told.isOut(j) ? ["m-4-4 8 8m0-8-8 8", WARN, 2] : ["h0", INK, 4];
      const d = `M${x(at + told.steps[j])} ${y(value)}${shape}`;
      return svg("path", { d, ...ink(stroke, bold, { "stroke-linecap": "round" }) });
    };
    const middle = (...look) => polyline(along(told.median), ink(...look));
    const saying = told && [
      ...shown.bands[c].map(band),
      polyline(along(told.naive), ink(WARN, 2, { "stroke-dasharray": "6 4" })),
      middle("var(--sq-bg)", 5),
      middle(BOLD, 2.5),
    ];
    const strip = (one, k) => column(one, { x, place, left, right, top: HEIGHT + k * STRIP, shown });
    const here = x(at - 0.5);
    const read = told && state.step >= 0 && x(at + told.steps[state.step]);
    return [
      ...scaled.map((value) => [
        rule(left, right, y(value), y(value), faint),
        text(left - 5, y(value) + 4, "end", say(value)),
      ]),
      marks(shown.marks, x, left, width, tall),
      read ? rule(read, read, TOP, tall, { "stroke-dasharray": "2 3" }) : "",
      shown.columns.map(strip),
      polyline(between(at + state.horizon, Infinity), ink(PALE)),
      saying ?? "",
      polyline(between(-Infinity, at + state.horizon), LINE),
      told ? Array.from(told.came, came) : "",
      at > shown.start && at <= shown.stop
        ? [
            rule(here, here, TOP - 6, tall, ink(BOLD, 1.5)),
            svg("path", { d: `M${here} ${TOP - 2}l-7-7v-9h14v9z`, fill: BOLD }),
          ]
        : "",
    ].flat(3);
  };
  const chart = drawing(frame, HEIGHT, draw, { role: "img", style: "cursor:ew-resize;touch-action:pan-y" });
  const { element } = chart;
  const at = (event) => Math.floor((event.clientX - element.getBoundingClientRect().left - left) / wide);
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    grip = [at(event), state.at];
  });
  element.addEventListener("pointermove", (event) => {
    const { shown, told, horizon } = state;
    const to = Math.max(shown.start + 1, Math.min(shown.stop - horizon, grip[1] + at(event) - grip[0]));
    const step = at(event) + shown.start - state.at;
    if (element.hasPointerCapture(event.pointerId)) to !== state.at && move(state.n - to);
    else if (told && step >= 0 && step < horizon) tell(told.steps.findLastIndex((one) => one <= step));
  });
  return chart;
}

// Times below the axis, as many as there is room for.
function marks(all, x, left, width, tall) {
  let free = left - 20;
  return all.map(([i, above, below]) => {
    const half = 3.6 * Math.max(above.length, below.length);
    const tick = rule(x(i), x(i), TOP, tall, faint);
    if (x(i) - half < free || x(i) + half > width) return tick;
    free = x(i) + half + 10;
    return [tick, text(x(i), BOTTOM + 15, "middle", above), text(x(i), BOTTOM + 29, "middle", below)];
  });
}

// A further column: numbers as a line between the lowest and the highest, text where it changes.
function column({ name, y: all, ends, runs, texts, note }, { x, place, left, right, top, shown }) {
  const [above, bottom] = [top + 20, top + STRIP - 6];
  const drawn = [rule(left, right, bottom, bottom, faint), text(left, top + 12, "start", name)];
  if (note) drawn.push(text(left, bottom - 8, "start", note));
  else if (runs)
    runs.forEach((from, k) => {
      const [start, end] = [from, runs[k + 1] ?? shown.stop - shown.start].map((i) => x(shown.start + i - 0.5));
      drawn.push(rule(start, start, above, bottom));
      const [said, room] = [texts[k], (end - start) / 7 - 1];
      drawn.push(text(start + 4, bottom - 8, "start", said.length < room ? said : said.slice(0, Math.max(0, room))));
    });
  else {
    const { y } = scaleOf(ys(all), above, bottom);
    drawn.push(polyline(place(all, y), LINE), ...ends.map((one, k) => text(left - 5, bottom - 24 * k, "end", one)));
  }
  return drawn;
}

// The whole series, what of it is in view, and its origin.
function overview(frame, state) {
  const tall = 44;
  const draw = (width) => {
    const { whole, shown, n, at } = state;
    const x = (i) => PAD + (i / Math.max(1, n)) * (width - 2 * PAD);
    const { y } = scaleOf(ys(whole.y), 2, tall - 2);
    const from = x(shown.start);
    const size = Math.max(2, x(Math.min(shown.stop, n)) - from);
    const all = whole.y.map(([i, value]) => [x(i + 0.5), y(value)]);
    return [
      svg("rect", { x: from, y: 0, width: size, height: tall, fill: "var(--sq-soft)" }),
      polyline(all, ink("var(--sq-muted)")),
      rule(x(at), x(at), 0, tall, ink(BOLD, 2.5)),
    ];
  };
  return drawing(frame, tall, draw, { "aria-hidden": "true" });
}

// All series, found by name and sorted by how far off their forecasts of the last window are.
function seriesList(model, order) {
  const names = lines(model.get("_names"));
  const sorts = model.get("_sorts");
  let judged = {};
  const status = h("span", { class: "sq-muted", role: "status" });
  const row = (i) => {
    const [mase, naive, covered] = judged.errors.map((values) => values[i]);
    const share = Math.round(100 * covered);
    const said = [`MASE ${two(mase)}`, `${two(mase / naive)} × ${judged.line}`, `${share} % covered`];
    const isKnown = i < judged.n && !Number.isNaN(covered);
    return [twoLines(names[i], isKnown ? said.map((one) => figure(one)) : i < judged.n ? "nothing to judge" : "")];
  };
  const found = finder({
    label: "Find a series",
    placeholder: "Search by name",
    texts: () => names,
    row,
    onpick: (i) => put(model, "series", i),
    rows: 9,
    rowHeight: 38,
    order: () => judged.order,
  });
  const pick = (name) => order("sort", { by: sorts.indexOf(name) });
  return {
    elements: [found.element, line(labelled("Sort by", select("Sort by", sorts, sorts[0], pick)), status)],
    judge: () => judged.n < names.length && order("judge", { n: judged.n }),
    follow() {
      const told = model.get("_judged");
      const isNew = told.sorted !== judged.sorted;
      judged = { ...told, order: integers(told.order), errors: told.errors.map(floats) };
      status.textContent = judged.n < names.length ? `Judging ${judged.n} of ${names.length} …` : "";
      found.update(model.get("series"));
      if (isNew) found.element.lastChild.scrollTop = 0;
    },
  };
}

function render({ model, el }) {
  const frame = mount(el, "Forecast explorer", model);
  const order = (name, rest) => model.send({ do: name, ...rest });
  const waiting = atRest(frame, (version) => order("run", { version }));
  const state = { step: -1 };
  const move = (back) => put(model, "back", Math.max(0, Math.min(state.n - 1, back)));
  const list = seriesList(model, order);
  const chart = picture(frame, state, move, tell);
  const strip = overview(frame, state);
  const draw = nextFrame(() => {
    chart.redraw();
    strip.redraw();
  });
  const range = (label, oninput, more) => h("input", { type: "range", "aria-label": label, oninput, ...more });
  const slider = range("Origin", () => move(-slider.value), { max: 0, style: "width:100%" });
  const cover = range("Coverage", () => put(model, "coverage", state.shown.coverages[cover.value]), { min: 0 });
  const ahead = h("input", {
    type: "number",
    min: 1,
    max: 10000,
    required: true,
    "aria-label": "Steps ahead",
    onchange: () => ahead.reportValidity() && put(model, "horizon", Number(ahead.value)),
  });
  const [covered, look, legend, as] = [figure(""), h("span"), line(), h("span")];
  const [who, fixed, ends, detail] = [h("h3"), hint(), h("div"), h("p", { class: "sq-detail" })];
  const problem = h("p", { class: "sq-warn", role: "status" });
  const verdict = h("p", { role: "status" });
  const row = (j) => [twoLines(state.told.times[j], ...words(j).map((one) => figure(one)))];
  const steps = listbox({ label: "Each step", rows: 5, rowHeight: 38, row, onmove: tell });
  const jump = (words, by) => button(words, () => move(by ? state.back + by * state.horizon : 0));
  const jumps = [jump("◀ A horizon", 1), jump("A horizon ▶", -1), jump("To the end", 0)];

  // What is said of a step, in words.
  function words(j) {
    const { told, say } = state;
    const [lower, upper] = told.interval(state.c);
    const came = Number.isNaN(told.came[j]) ? [] : [`${told.isOut(j) ? "× " : ""}came ${say(told.came[j])}`];
    const naive = `${state.whole.line} ${say(told.naive[j])}`;
    return [`${say(lower[j])} to ${say(upper[j])}`, `median ${say(told.median[j])}`, ...came, naive];
  }
  function tell(j) {
    const { told } = state;
    if (!told) return;
    state.step = j;
    detail.textContent = `${told.times[j]}, step ${told.steps[j] + 1}: ${words(j).join("; ")}.`;
    draw();
  }
  // What is said of another origin is not shown.
  function redraw() {
    const { n, back, shown, answer } = state;
    const isHere = back === shown.back;
    state.at = n - back;
    state.told = isHere ? answer : null;
    as.textContent = isHere ? shown.origin : `${back} steps before the end`;
    slider.value = -back;
    slider.setAttribute("aria-valuetext", as.textContent);
    for (const [i, one] of jumps.entries()) one.disabled = i ? !back : back >= n - 1;
    view.style.visibility = state.told ? "" : "hidden";
    draw();
  }
  function readSeries() {
    const told = model.get("_series");
    if (state.whole?.of === told) return;
    const { n, horizon } = told;
    const key = (mark, color, said) => h("span", {}, h("b", { style: `color:${color}` }, mark), ` ${said}`);
    state.whole = { ...told, of: told, y: points(told) };
    Object.assign(state, { n, horizon });
    slider.min = 1 - n;
    who.replaceChildren(bdi(told.name), ": ", bdi(told.target));
    fixed.replaceChildren(bdi(told.static));
    ends.replaceChildren(...told.ends.map((one) => figure(one)));
    legend.replaceChildren(
      key("●", INK, "what came"),
      key("×", WARN, "outside"),
      key("━", BOLD, "median"),
      key("▒", BOLD, "interval; darker: 80 %, 50 %"),
      key("╍", WARN, told.line),
    );
    ahead.value = horizon;
    list.follow();
  }
  function readShown() {
    const told = model.get("_shown");
    const { version, sizes, coverages } = told;
    if (state.shown?.version === version) return;
    const read = (one) => (one.y ? { ...one, y: points({ ...told, ...one }) } : one);
    state.shown = { ...told, y: points(told), columns: told.columns.map(read) };
    state.step = -1;
    const pick = (one) => order("look", { size: sizes.indexOf(one) });
    look.replaceChildren(labelled("In view", select("In view", sizes, sizes[told.size], pick)));
    cover.max = coverages.length - 1;
  }
  function readAnswer(answer) {
    const [size, rows, n] = [answer.steps.length, doubles(answer.rows), answer.verdicts.length];
    const row = (k) => rows.subarray(k * size, (k + 1) * size);
    const [naive, came, interval] = [row(2 * n + 1), row(2 * n + 2), (k) => [row(n - 1 - k), row(n + 1 + k)]];
    const within = () => interval(state.c);
    return {
      ...answer,
      times: lines(answer.times),
      median: row(n),
      naive,
      came,
      interval,
      values: () => [...within(), naive, came].flatMap((one) => [...one]),
      isOut: (j) => came[j] < within()[0][j] || came[j] > within()[1][j],
    };
  }
  function follow() {
    readSeries();
    readShown();
    const { shown } = state;
    const { coverages } = shown;
    state.back = model.get("back");
    state.c = Math.max(0, coverages.indexOf(model.get("coverage")));
    cover.value = state.c;
    covered.textContent = shown.shares[state.c];
    cover.setAttribute("aria-valuetext", covered.textContent);
    chart.element.setAttribute("aria-label", `Forecast as of ${shown.origin}; the list tells each step`);
    const answer = model.get("_told");
    state.answer = null;
    if (waiting.isHere(answer, shown)) {
      problem.textContent = answer.problem;
      if (!answer.problem) state.answer = readAnswer(answer);
      list.judge();
    }
    redraw();
    if (!state.told) return;
    state.say = scaleOf([...ys(shown.y), ...state.told.values()]).say;
    verdict.textContent = answer.verdicts[state.c];
    steps.update(answer.steps.length, state.step);
    detail.textContent = "Choose or point at a step to read it.";
    if (state.step >= 0) tell(state.step);
  }

  const part = (grow, nodes) => h("div", { style: `flex:${grow} 1 290px;min-width:0` }, nodes);
  const view = h("div", {}, verdict, steps.element, detail);
  ends.style.cssText = "display:flex;justify-content:space-between";
  frame.add(
    hint("Drag the origin back in time, to see what would have been said then."),
    h(
      "div",
      { style: "display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px;overflow-wrap:anywhere" },
      part(1, [h("h3", {}, "Series"), ...list.elements, hint("Judged by forecasts of the last window.")]),
      part(3, [
        who,
        fixed,
        line(labelled("Coverage", cover), covered, labelled("Steps ahead", ahead), look),
        line("As of ", as, waiting.status),
        problem,
        chart.element,
        legend,
        strip.element,
        slider,
        ends,
        line(...jumps),
        view,
      ]),
    ),
  );
  frame.on(model, "_series _shown _told coverage back", follow);
  frame.on(model, "_judged", () => {
    list.follow();
    list.judge();
  });
  follow();
  return () => frame.unmount();
}

export default { render };
