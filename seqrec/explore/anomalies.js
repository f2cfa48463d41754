import {
  h,
  mount,
  put,
  newId,
  surface,
  listbox,
  line,
  hint,
  bdi,
  figure,
  labelled,
  button,
  select,
  number,
  floats,
  doubles,
  integers,
  bytes,
  lines,
} from "./kit.js";

// How many of the rising `values` are below `x`.
function below(values, x) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

// What Python sent of all sequences, the oddest first.
function readScores(model) {
  const scores = doubles(model.get("_scores"));
  return {
    order: integers(model.get("_order")),
    keys: lines(model.get("_keys")),
    labels: bytes(model.get("_labels")),
    fired: bytes(model.get("_fired")),
    parts: model.get("_parts"),
    rare: lines(model.get("_rare")),
    lowest: model.get("_lowest"),
    flagged: (threshold) => (threshold == null ? 0 : below(scores, threshold)),
  };
}

// Scores from the oddest (left) to the usual ones, in bars of logarithmic height, as Python counted them.
function histogram(frame, el, model, data, state, pick) {
  const [bars, marks, beyond] = [floats(model.get("_bars")), model.get("_axis"), model.get("_beyond")];
  const n = bars.length / 3;
  const draw = (context, width, height, colors) => {
    const [base, top, step] = [height - 20, 14, width / n];
    const tall = (share) => Math.min(1, share) * (base - top);
    const bar = (x, share, wide) => share && context.fillRect(x, base - tall(share), Math.max(1, wide), tall(share));
    const limit = state.threshold == null ? 0 : (1 - state.threshold / data.lowest) * width;
    context.fillStyle = colors.soft;
    context.fillRect(0, top, limit, base - top);
    context.strokeStyle = colors.muted;
    context.beginPath();
    for (let bin = 0; bin < n; bin++) {
      context.fillStyle = (bin + 0.5) * step < limit ? colors.warn : colors.accent;
      bar(bin * step, bars[bin], step - 1);
      context.fillStyle = colors.fg;
      bar((bin + 0.25) * step, bars[n + bin], step / 3);
      context.lineTo((bin + 0.5) * step, base - tall(bars[2 * n + bin]));
    }
    context.stroke();
    context.fillRect(Math.max(0, Math.min(limit, width) - 2), 0, 2, base);
    context.fillStyle = colors.muted;
    context.fillText(beyond ? `◀ ${number(beyond)} beyond` : "", 4, 11);
    context.textBaseline = "top";
    let free = width + 30;
    for (const [share, text] of marks) {
      const [x, wide] = [share * width, context.measureText(text).width];
      const left = Math.max(0, Math.min(width - wide, x - wide / 2));
      context.fillRect(Math.min(width - 1, x), base, 1, 4);
      if (left + wide > free - 12) continue;
      context.fillText(text, left, base + 6);
      free = left;
    }
  };
  const { canvas, redraw } = surface(frame, el, draw, { "aria-label": "How many sequences are how odd" });
  canvas.style.cssText = "height:130px;cursor:ew-resize;touch-action:none";
  const drag = (event) => {
    const box = canvas.getBoundingClientRect();
    pick((1 - Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))) * data.lowest);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    drag(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && drag(event));
  return { canvas, redraw };
}

// The threshold by a slider, or by a figure, from which Python works it out: alerts, false alarms, contamination.
function thresholdControls(model, data, state, pick) {
  const why = h("span", { class: "sq-warn", role: "status" });
  const field = (label, onchange) => h("input", { type: "number", min: 0, step: "any", "aria-label": label, onchange });
  const ways = Object.keys(model.get("_told").figures);
  const value = field(ways[0], () => value.value && model.send({ by: chosen.value, value: Number(value.value) }));
  const perDay = field("Sequences a day", () =>
    Number(perDay.value) > 0 ? put(model, "sequences_per_day", Number(perDay.value)) : update(),
  );
  const chosen = select("Set the threshold by", ways, ways[0], (way) => {
    value.setAttribute("aria-label", way);
    update();
  });
  const name = "Threshold, from the oddest to the usual";
  const slider = h("input", { type: "range", min: 0, max: 1000, "aria-label": name, style: "width:100%" });
  slider.addEventListener("input", () => pick((1 - slider.value / 1000) * data.lowest, slider));
  function update(source) {
    const [{ threshold }, told] = [state, model.get("_told")];
    why.textContent = told.note;
    value.value = told.figures[chosen.value];
    if (source !== slider) slider.value = threshold == null ? 0 : (1 - threshold / data.lowest) * 1000;
    slider.setAttribute("aria-valuetext", told.rare);
    perDay.value = Number(state.perDay.toPrecision(4));
  }
  const setting = line(labelled("Threshold by", chosen), value, labelled("of so many a day:", perDay), why);
  return { slider, setting, update };
}

// All sequences, the oddest first.
function sequenceList(model, data, state) {
  const views = {
    all: () => true,
    flagged: (i) => i < state.nFlagged,
    marked: (i) => String(data.order[i]) in state.marks,
    ticked: (i) => state.ticked.has(data.order[i]),
  };
  let [shown, found, view, waiting] = [null, null, "all", 0];
  const at = (place) => (shown ? shown[place] : place);
  const onmove = (place) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => put(model, "sequence", data.order[at(place)]), 80);
  };
  const list = listbox({ label: "Sequences, the oddest first", rows: 10, rowHeight: 42, row, onmove, onkey });
  function row(place) {
    const i = at(place);
    const position = data.order[i];
    const isTicked = state.ticked.has(position);
    const box = figure(isTicked ? "☑" : "☐");
    box.addEventListener("click", (event) => {
      event.stopPropagation();
      tick(position);
    });
    const mark = { normal: "✓ normal", confirmed: "✗ confirmed" }[state.marks[position]];
    const below = [
      h("span", { class: "sq-label sq-muted" }, data.parts[data.fired[i]]),
      data.labels[i] ? figure("odd", "sq-strong") : null,
      mark && figure(mark, "sq-strong"),
      figure(data.rare[i]),
    ];
    return [
      box,
      i < state.nFlagged ? figure("⚑", "sq-warn sq-flag") : figure("·", "sq-flag"),
      h("div", { class: "sq-two" }, h("div", { class: "sq-label" }, bdi(data.keys[position])), h("div", {}, below)),
    ];
  }
  function onkey(event, place) {
    const position = data.order[at(place)];
    const marks = { n: "normal", c: "confirmed", u: null };
    if (event.key === " ") tick(position);
    else if (event.key in marks && !event.ctrlKey) model.send({ sequence: position, mark: marks[event.key] });
    else return false;
    return true;
  }
  function tick(position) {
    const ticked = state.ticked.has(position)
      ? [...state.ticked].filter((one) => one !== position)
      : [...state.ticked, position];
    put(model, "selection", ticked);
  }
  // What is typed is looked for at once in keys and reasons; Python looks into the events as well.
  function update() {
    const asked = search.value.trim().toLowerCase();
    const told = (i) => `${data.keys[data.order[i]]} ${data.parts[data.fired[i]]}`.toLowerCase();
    const isFound = (i) => !asked || (found ? found[i] : told(i).includes(asked));
    shown = null;
    if (asked || view !== "all") shown = [...data.order.keys()].filter((i) => views[view](i) && isFound(i));
    const open = data.order.indexOf(state.open);
    list.update(shown ? shown.length : data.order.length, shown ? shown.indexOf(open) : open, "No sequence here.");
  }
  function readFound() {
    found = bytes(model.get("_found"));
    if (!search.matches(":focus")) search.value = model.get("find");
  }
  const oninput = () => {
    found = null;
    update();
    put(model, "find", search.value.trim());
  };
  const what = { type: "search", placeholder: "Sequence, event, reason", "aria-label": "Find a sequence" };
  const search = h("input", { ...what, oninput });
  const choose = select("Which sequences", Object.keys(views), view, (name) => {
    view = name;
    update();
  });
  const all = button("Tick all flagged", () =>
    put(model, "selection", [...new Set([...state.ticked, ...data.order.slice(0, state.nFlagged)])]),
  );
  const none = button("Untick", () => put(model, "selection", []));
  const keys = hint("Keys: arrows move, space ticks, n marks normal, c confirmed, u takes a mark back.");
  const element = h("div", {}, line(search, labelled("Show", choose)), list.element, line(all, none), keys);
  return { element, update, readFound };
}

// The events as a table of the log's columns. What is odd is tinted, with what was expected; `onpick(i)` takes an event.
function eventTable(onpick) {
  const id = newId();
  const [head, body] = [h("tr"), h("tbody")];
  const style = "min-width:100%;width:max-content";
  const attributes = { role: "grid", tabindex: 0, "aria-label": "Events in their order", onkeydown, style };
  const table = h("table", attributes, h("thead", {}, head), body);
  const box = h("div", { class: "sq-list", style: "max-height:290px" }, table);
  let at = -1;
  const cell = (text, usual, isText) =>
    h(
      "td",
      { class: `${usual ? "sq-tint" : ""} ${isText ? "sq-text" : ""}` },
      usual && [h("span", { class: "sq-hidden" }, "odd: "), "⚑ "],
      bdi(text),
      usual && h("div", { class: "sq-muted" }, usual),
    );
  function onkeydown(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9 };
    if (!(event.key in steps) || !body.children.length) return;
    onpick(Math.max(0, Math.min(body.children.length - 1, at + steps[event.key])));
    event.preventDefault();
  }
  return {
    element: box,
    choose(i) {
      body.children[at]?.setAttribute("aria-selected", "false");
      at = i;
      const row = body.children[i];
      row.setAttribute("aria-selected", "true");
      table.setAttribute("aria-activedescendant", row.id);
      const [top, bottom] = [row.offsetTop - head.offsetHeight, row.offsetTop + row.offsetHeight - box.clientHeight];
      box.scrollTop = Math.min(top, Math.max(box.scrollTop, bottom));
    },
    fill({ columns, events }) {
      at = -1;
      head.replaceChildren(...columns.map(([name, isText]) => h("th", { class: isText ? "sq-text" : "" }, bdi(name))));
      body.replaceChildren(
        ...events.map(({ cells, usual }, i) =>
          h(
            "tr",
            { id: `${id}-${i}`, "aria-selected": "false", onclick: () => onpick(i) },
            cells.map((text, k) => cell(text, usual[k], columns[k][1])),
          ),
        ),
      );
    },
  };
}

// The part of the score that fired: surprisal of each event as a bar, or its values in the band where they were expected.
function picture(frame, el, state, onpick) {
  const place = (width) => (i) => left() + state.drawn.points[4 * i] * (width - 4 - left());
  const left = () => (state.drawn.band ? 52 : 4); // where the scale has room
  const draw = (context, width, height, colors) => {
    const { points, odd, band, marks, ends } = state.drawn;
    const [base, top, x] = [height - (ends ? 16 : 0), band ? 12 : 2, place(width)];
    const y = (share) => base - share * (base - top);
    context.strokeStyle = colors.fg;
    const wide = band ? 5 : Math.max(1, (width - 8) / odd.length - 1);
    for (let i = 0; i < odd.length; i++) {
      const [value, low, high] = points.subarray(4 * i + 1, 4 * i + 4);
      const tall = Math.max(band ? 3 : 1, y(low) - y(high));
      context.fillStyle = band ? colors.line : odd[i] ? colors.warn : colors.accent;
      context.globalAlpha = band ? 0.45 : 1;
      context.fillRect(x(i) - wide / 2, y(high), wide, tall);
      context.globalAlpha = 1;
      if (band) {
        context.fillStyle = odd[i] ? colors.warn : colors.accent;
        context.fillRect(x(i) - 3, y(value) - 3, 6, 6);
      }
      if (i === state.at) context.strokeRect(x(i) - Math.max(4, wide / 2) - 0.5, 0.5, Math.max(8, wide) + 1, base - 1);
    }
    context.fillStyle = colors.fg;
    for (const [share, text] of marks) context.fillText(text, 0, y(share) - 2);
    context.fillStyle = colors.muted;
    if (!ends) return;
    context.fillText(ends[0], 0, height - 3);
    context.textAlign = "right";
    context.fillText(ends[1], width, height - 3);
  };
  const strip = surface(frame, el, draw, {});
  strip.canvas.addEventListener("click", ({ offsetX }) => {
    const x = place(strip.canvas.clientWidth);
    const far = Array.from(state.drawn.odd, (_, i) => Math.abs(x(i) - offsetX));
    onpick(far.indexOf(Math.min(...far)));
  });
  return strip;
}

// The sequence that is open, event by event.
function openSequence(frame, el, model, state) {
  const shown = { at: -1 };
  let told = {};
  const [heading, reasons, nearest, count] = [h("h3"), h("div"), h("div"), hint()];
  const detail = h("div", { class: "sq-detail", role: "status" });
  const table = eventTable(describe);
  const strip = picture(frame, el, shown, describe);
  function describe(i) {
    const event = told.events[i];
    shown.at = i;
    table.choose(i);
    detail.replaceChildren(bdi(event.event, "sq-strong"), ": ", bdi(event.detail));
    strip.redraw();
  }
  function update() {
    told = { events: [], ...model.get("_timeline") };
    view.hidden = !("key" in told);
    closed.hidden = !view.hidden;
    if (view.hidden) return;
    heading.replaceChildren("Sequence ", bdi(told.key));
    const items = told.reasons.map((reason) => h("li", {}, reason));
    reasons.replaceChildren(h("p", {}, told.rarity), h("ul", {}, items));
    count.textContent = told.count;
    const { drawn } = told;
    strip.canvas.hidden = !drawn;
    if (drawn) {
      shown.drawn = { ...drawn, points: floats(drawn.points), odd: bytes(drawn.odd) };
      strip.canvas.setAttribute("aria-label", drawn.caption);
      strip.canvas.style.height = drawn.band ? "130px" : "48px";
    }
    table.fill(told);
    detail.textContent = "";
    if (told.events.length) describe(told.oddest);
    nearest.replaceChildren(...(told.nearest ? closest(told.nearest) : []));
  }
  const closest = ({ key, events = [] }) => [
    h("h4", {}, "The normal sequence most like it: ", bdi(key)),
    h(
      "p",
      { class: "sq-wrap" },
      events.flatMap((event, i) => [i ? " → " : "", bdi(event)]),
    ),
  ];
  const marking = (text, mark) => button(text, () => model.send({ sequence: state.open, mark }), { "data-mark": mark });
  const marks = [marking("Confirmed", "confirmed"), marking("Normal", "normal")];
  const setting = line("Mark it:", marks, marking("Take back", null));
  const view = h("div", {}, heading, reasons, setting, count, strip.canvas, detail, table.element, nearest);
  const closed = hint("Choose a sequence to see why it is odd.");
  const showMark = () => {
    for (const one of marks) one.setAttribute("aria-pressed", String(state.marks[state.open] === one.dataset.mark));
  };
  return { element: h("div", {}, view, closed), update, showMark };
}

function render({ model, el }) {
  const frame = mount(el, "Anomaly explorer", model);
  const [data, state] = [readScores(model), {}];
  const told = h("p", { class: "sq-strong", role: "status" });
  let [sending, latest] = [0, null];
  // The page follows at once; Python hears of it ten times a second.
  const pick = (threshold, source) => {
    latest = threshold;
    follow(threshold, source);
    sending ||= setTimeout(() => {
      sending = 0;
      put(model, "threshold", latest);
    }, 100);
  };
  const scores = histogram(frame, el, model, data, state, pick);
  const controls = thresholdControls(model, data, state, pick);
  const list = sequenceList(model, data, state);
  const open = openSequence(frame, el, model, state);
  function follow(threshold, source) {
    Object.assign(state, { threshold, nFlagged: data.flagged(threshold) });
    told.textContent = model.get("_told").text;
    scores.redraw();
    controls.update(source);
    list.update();
  }
  const refresh = () => {
    const [marks, ticked] = [model.get("_marks"), new Set(model.get("selection"))];
    const perDay = model.get("sequences_per_day");
    Object.assign(state, { marks, ticked, open: model.get("sequence"), perDay });
    follow(sending ? latest : model.get("threshold"));
    open.showMark();
  };
  const legend = `Odd on the left; heights are logarithmic. Line: normal sequences that were held out.${data.labels.length ? " Inner bars: labelled odd." : ""}`;
  frame.add(
    h("h3", {}, "Which sequences are odd"),
    told,
    scores.canvas,
    controls.slider,
    hint(legend),
    controls.setting,
    h("div", { class: "sq-columns" }, list.element, open.element),
  );
  frame.on(model, "threshold", () => sending || model.get("threshold") === state.threshold || refresh());
  frame.on(model, "_found", list.readFound);
  frame.on(model, "_marks selection sequence sequences_per_day _found _told", refresh);
  frame.on(model, "_timeline", open.update);
  list.readFound();
  refresh();
  open.update();
  return () => frame.unmount();
}

export default { render };
