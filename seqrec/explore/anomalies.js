import {
  h,
  mount,
  put,
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
  doubles,
  integers,
  bytes,
  lines,
} from "./kit.js";

const BINS = 120;

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

const rounded = (x, digits = 2) => number(Number(x.toPrecision(digits)));
const tenTo = (n) => (n < 4 ? number(10 ** n) : `10${String(n).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit])}`);

// How rare something of this p-value is among normal sequences; beyond a million only the order is known.
function oneIn(p) {
  const n = Math.min(1 / p, 1e99);
  if (n < 1.5) return "usual";
  return `1 in ${n < 1e6 ? rounded(n) : tenTo(Math.round(Math.log10(n)))}`;
}

// The scores, what lies below a threshold, and thresholds from the scores of held-out normal sequences.
function readScores(model) {
  const [scores, heldOut] = [doubles(model.get("_scores")), doubles(model.get("_held_out"))];
  const [limit, share, shape, scale] = model.get("_peaks");
  const beyond = (score) => share * (1 + (shape * (-score - limit)) / scale) ** (-1 / shape);
  const labels = bytes(model.get("_labels"));
  // Labelled ones among the first i.
  const found = new Uint32Array(labels.length + 1);
  for (let i = 0; i < labels.length; i++) found[i + 1] = found[i] + labels[i];
  return {
    scores,
    heldOut,
    labels,
    found,
    order: integers(model.get("_order")),
    keys: lines(model.get("_keys")),
    fired: bytes(model.get("_fired")),
    parts: model.get("_parts"),
    lowest: Math.min(scores[0] ?? -1, heldOut[0] ?? -1, -1),
    flagged: (threshold) => (threshold == null ? 0 : below(scores, threshold)),
    falseRate(threshold) {
      if (threshold == null) return 0;
      const conformal = (1 + below(heldOut, threshold)) / (heldOut.length + 1);
      return threshold < heldOut[0] ? Math.min(conformal, beyond(threshold)) : conformal;
    },
    // As `thresholds.false_positive_offset`: the held-out scores, and peaks over threshold beyond them.
    atRate(rate) {
      const n = Math.floor(rate * (heldOut.length + 1) + 1e-9);
      if (n > 0) return heldOut[Math.min(n, heldOut.length) - 1];
      return rate > 0 ? Math.min(heldOut[0], -limit - (scale * ((share / rate) ** shape - 1)) / shape) : null;
    },
    share: (threshold) => (threshold == null ? 0 : below(heldOut, threshold) / heldOut.length),
    atShare(share) {
      const place = Math.min(1, Math.max(0, share)) * (heldOut.length - 1);
      const [low, high] = [heldOut[Math.floor(place)], heldOut[Math.ceil(place)]];
      return low + (place % 1) * (high - low);
    },
  };
}

function counts(values, lowest) {
  const bins = new Float64Array(BINS);
  for (const value of values) bins[Math.min(BINS - 1, Math.floor((1 - value / lowest) * BINS))]++;
  return bins;
}

// Scores from the oddest (left) to the usual ones, in bars of logarithmic height.
function histogram(frame, el, data, state, pick) {
  const [all, usual] = [counts(data.scores, data.lowest), counts(data.heldOut, data.lowest)];
  const odd = counts(
    data.scores.filter((_, i) => data.labels[i]),
    data.lowest,
  );
  const highest = Math.log1p(Math.max(1, ...all));
  const scale = data.scores.length / data.heldOut.length;
  const draw = (context, width, height, colors) => {
    const [base, top, step] = [height - 20, 14, width / BINS];
    const tall = (n) => Math.min(1, Math.log1p(n) / highest) * (base - top);
    const bar = (x, n, wide) => n && context.fillRect(x, base - tall(n), Math.max(1, wide), tall(n));
    const limit = state.threshold == null ? 0 : (1 - state.threshold / data.lowest) * width;
    context.fillStyle = colors.soft;
    context.fillRect(0, top, limit, base - top);
    for (let bin = 0; bin < BINS; bin++) {
      context.fillStyle = (bin + 0.5) * step < limit ? colors.warn : colors.accent;
      bar(bin * step, all[bin], step - 1);
      context.fillStyle = colors.fg;
      bar((bin + 0.25) * step, odd[bin], step / 3);
    }
    context.strokeStyle = colors.muted;
    context.beginPath();
    for (let bin = 0; bin < BINS; bin++) context.lineTo((bin + 0.5) * step, base - tall(usual[bin] * scale));
    context.stroke();
    context.fillRect(Math.max(0, Math.min(limit, width - 1) - 1), 0, 2, base);
    axis(context, width, base, colors, -data.lowest / Math.LN10);
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

function axis(context, width, base, colors, decades) {
  context.fillStyle = colors.muted;
  context.textBaseline = "top";
  for (let decade = 0; decade <= decades; decade += Math.ceil((decades * 70) / width)) {
    const x = (1 - decade / decades) * width;
    context.textAlign = x > width - 30 ? "right" : x < 30 ? "left" : "center";
    context.fillRect(Math.min(width - 1, x), base, 1, 4);
    context.fillText(decade ? `1 in ${tenTo(decade)}` : "usual", x, base + 6);
  }
}

// The threshold by a slider, or by a figure: alerts a day, rate of false alarms, contamination.
function thresholdControls(model, data, state, pick) {
  const ways = {
    "alerts a day": [(threshold) => data.falseRate(threshold) * state.perDay, (x) => data.atRate(x / state.perDay)],
    "false alarms, %": [(threshold) => 100 * data.falseRate(threshold), (x) => data.atRate(x / 100)],
    "contamination, %": [(threshold) => 100 * data.share(threshold), (x) => data.atShare(x / 100)],
  };
  let way = "alerts a day";
  const why = h("span", { class: "sq-warn", role: "status" });
  const field = (label, onchange) => h("input", { type: "number", min: 0, step: "any", "aria-label": label, onchange });
  const value = field(way, () => {
    if (value.value === "") return;
    const threshold = ways[way][1](Number(value.value));
    const rare = `${number(data.heldOut.length)} held-out sequences are too few for that: extrapolated from the oddest.`;
    why.textContent = threshold != null && threshold < data.heldOut[0] ? rare : "";
    pick(threshold, value);
  });
  const perDay = field("Sequences a day", () =>
    Number(perDay.value) > 0 ? put(model, "sequences_per_day", Number(perDay.value)) : update(),
  );
  const chosen = select("Set the threshold by", Object.keys(ways), way, (name) => {
    way = name;
    value.setAttribute("aria-label", way);
    update();
  });
  const name = "Threshold, from the oddest to the usual";
  const slider = h("input", { type: "range", min: 0, max: 1000, "aria-label": name, style: "width:100%" });
  slider.addEventListener("input", () => pick((1 - slider.value / 1000) * data.lowest, slider));
  function update(source) {
    const { threshold } = state;
    if (source !== value) [value.value, why.textContent] = [Number(ways[way][0](threshold).toPrecision(3)), ""];
    if (source !== slider) slider.value = threshold == null ? 0 : (1 - threshold / data.lowest) * 1000;
    slider.setAttribute("aria-valuetext", threshold == null ? "nothing is flagged" : oneIn(Math.exp(threshold)));
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
  let [shown, view, lowered, waiting] = [null, "all", null, 0];
  const at = (place) => (shown ? shown[place] : place);
  const onmove = (place) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => put(model, "sequence", data.order[at(place)]), 80);
  };
  const list = listbox({ label: "Sequences, the oddest first", rows: 14, row, onmove, onkey });
  function row(place) {
    const i = at(place);
    const position = data.order[i];
    const isTicked = state.ticked.has(position);
    const box = figure(isTicked ? "☑" : "☐");
    box.addEventListener("click", (event) => {
      event.stopPropagation();
      tick(position);
    });
    return [
      box,
      i < state.nFlagged ? figure("⚑", "sq-warn") : figure("·"),
      bdi(data.keys[position], "sq-label"),
      state.marks[position] &&
        figure({ normal: "✓ normal", confirmed: "✗ confirmed" }[state.marks[position]], "sq-strong"),
      data.labels[i] ? figure("odd", "sq-strong") : null,
      h("span", { class: "sq-label sq-muted" }, data.parts[data.fired[i]]),
      figure(oneIn(Math.exp(data.scores[i]))),
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
  function update() {
    const asked = search.value.trim().toLowerCase();
    shown = null;
    if (asked || view !== "all") {
      lowered ??= data.keys.map((key) => key.toLowerCase());
      shown = [];
      for (const [i, position] of data.order.entries())
        if (views[view](i) && lowered[position].includes(asked)) shown.push(i);
    }
    const open = data.order.indexOf(state.open);
    list.update(shown ? shown.length : data.order.length, shown ? shown.indexOf(open) : open, "No sequence here.");
  }
  const search = h("input", { type: "search", placeholder: "Find", "aria-label": "Find a sequence", oninput: update });
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
  return { element, update };
}

// The sequence that is open, event by event.
function openSequence(frame, el, model, state) {
  let told = { events: [] };
  const [heading, reasons, nearest, count] = [h("h3"), h("div"), h("div"), hint()];
  const detail = h("div", { class: "sq-detail", role: "status" });
  const isOdd = (event) => event.p < 0.01;
  const tall = (event) =>
    Math.max(0, event.surprisal ?? 0) / Math.max(5, ...told.events.map((one) => one.surprisal ?? 0));
  const list = listbox({ label: "Events in their order", rows: 9, row, onmove: describe });
  const draw = (context, width, height, colors) => {
    const step = width / told.events.length;
    told.events.forEach((event, i) => {
      context.fillStyle = isOdd(event) ? colors.warn : colors.accent;
      context.fillRect(i * step, height, Math.max(1, step - 1), -Math.max(1, tall(event) * (height - 2)));
      if (i === list.active) context.strokeRect(i * step, 0.5, Math.max(2, step), height - 1);
    });
  };
  const strip = surface(frame, el, draw, {
    "aria-label": "Surprisal of each event, in their order",
    style: "height:44px",
  });
  strip.canvas.addEventListener("click", (click) =>
    describe(Math.floor((click.offsetX / strip.canvas.clientWidth) * told.events.length)),
  );
  function row(i) {
    const event = told.events[i];
    const name = [figure(event.position + 1, "sq-muted sq-place"), bdi(event.event, "sq-label")];
    if (event.p == null) return name;
    const bar = h("span", { class: isOdd(event) ? "sq-bar sq-odd" : "sq-bar", style: `width:${100 * tall(event)}%` });
    const track = h("span", { class: "sq-track" }, bar);
    return [
      ...name,
      isOdd(event) ? figure(`⚑ ${event.field}`, "sq-warn") : null,
      track,
      figure(`${event.surprisal.toFixed(1)} nats`, "sq-nats"),
    ];
  }
  function describe(i) {
    const event = told.events[i];
    if (list.active !== i) list.update(told.events.length, i);
    detail.replaceChildren(bdi(event.event, "sq-strong"), ": ", bdi(event.detail));
    strip.redraw();
  }
  function update() {
    told = { events: [], ...model.get("_timeline") };
    view.hidden = !("key" in told);
    closed.hidden = !view.hidden;
    if (view.hidden) return;
    heading.replaceChildren("Sequence ", bdi(told.key));
    reasons.replaceChildren(
      h("p", {}, told.rarity),
      h(
        "ul",
        {},
        told.reasons.map((reason) => h("li", {}, reason)),
      ),
    );
    const part =
      told.events.length < told.n_events ? `, of which the oddest ${number(told.events.length)} are shown` : "";
    count.textContent = `${number(told.n_events)} event${told.n_events === 1 ? "" : "s"}${part}`;
    strip.canvas.hidden = told.events[0]?.p == null;
    const oddest = told.events.reduce((best, event, i) => ((event.p ?? 1) < (told.events[best].p ?? 1) ? i : best), 0);
    list.update(told.events.length, oddest, "This sequence has no events.");
    detail.textContent = "";
    if (told.events.length) describe(oddest);
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
  const view = h("div", {}, heading, reasons, setting, count, strip.canvas, detail, list.element, nearest);
  const closed = hint("Choose a sequence to see why it is odd.");
  const showMark = () => {
    for (const one of marks) one.setAttribute("aria-pressed", String(state.marks[state.open] === one.dataset.mark));
  };
  return { element: h("div", {}, view, closed), update, showMark };
}

function summary(data, { threshold, nFlagged, perDay }) {
  const all = data.scores.length;
  if (!all) return "There are no sequences here.";
  const rate = data.falseRate(threshold);
  const alarms = threshold == null ? "There is no threshold." : `Expect ${rounded(rate * perDay)} false alarms a day.`;
  const flagged = `${number(nFlagged)} of ${number(all)} sequences flagged (${number((100 * nFlagged) / all)} %). ${alarms}`;
  if (!data.labels.length) return flagged;
  const [found, labelled] = [data.found[nFlagged], data.found[all]];
  const percent = (part, whole) => `${rounded((100 * part) / whole, 3)} %`;
  return `${flagged} Precision ${percent(found, nFlagged)}, recall ${percent(found, labelled)} of ${number(labelled)} labelled odd.`;
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
  const picture = histogram(frame, el, data, state, pick);
  const controls = thresholdControls(model, data, state, pick);
  const list = sequenceList(model, data, state);
  const open = openSequence(frame, el, model, state);
  function follow(threshold, source) {
    Object.assign(state, { threshold, nFlagged: data.flagged(threshold) });
    told.textContent = summary(data, state);
    picture.redraw();
    controls.update(source);
    list.update();
  }
  const refresh = () => {
    const [marks, ticked] = [model.get("_marks"), new Set(model.get("selection"))];
    Object.assign(state, { marks, ticked, open: model.get("sequence"), perDay: model.get("sequences_per_day") });
    follow(sending ? latest : model.get("threshold"));
    open.showMark();
  };
  const legend = `Odd on the left; heights are logarithmic. Line: normal sequences that were held out.${data.labels.length ? " Inner bars: labelled odd." : ""}`;
  frame.add(
    h("h3", {}, "Which sequences are odd"),
    told,
    picture.canvas,
    controls.slider,
    hint(legend),
    controls.setting,
    h("div", { class: "sq-columns" }, list.element, open.element),
  );
  frame.on(model, "threshold", () => sending || model.get("threshold") === state.threshold || refresh());
  frame.on(model, "_marks selection sequence sequences_per_day", refresh);
  frame.on(model, "_timeline", open.update);
  refresh();
  open.update();
  return () => frame.unmount();
}

export default { render };
