// What the playgrounds of text, music and logs share. All of it is exported, as in the kit.
import {
  amount,
  atRest,
  bdi,
  button,
  figure,
  finder,
  floats,
  h,
  hint,
  historyPicker,
  integers,
  labelled,
  line,
  lines,
  mount,
  number,
} from "./kit.js";

// How events look by their surprisal, from usual to rare.
export const TINTS = ["", "sq-low", "sq-mid", "sq-high"];

export const tints = ({ limits: [a, b, c] }) =>
  line(
    h("span", { class: "sq-muted" }, "Surprisal, nats:"),
    [`below ${a}`, `${a} to ${b}`, `${b} to ${c}`, `${c} and more`].map((text, i) => figure(text, TINTS[i])),
  );

export function percent(p) {
  if (!p) return "not drawn";
  return p < 1e-5 ? "<0.001 %" : `${number(100 * p)} %`;
}

// The chance to be drawn as a bar, and a line where the model's own chance lies; both against the largest of all.
export function chanceBar(drawn, own) {
  const mark = `position:absolute;top:0;bottom:0;width:2px;left:calc(${100 * own}% - 1px);background:var(--sq-fg)`;
  return h(
    "span",
    { class: "sq-track", style: "position:relative;flex-basis:40%", "aria-hidden": "true" },
    h("span", { class: "sq-bar", style: `width:${100 * drawn}%;${drawn ? "" : "min-width:0"}` }),
    h("span", { style: mark }),
  );
}

// A number that Python checks: what it says of one that will not do stands beside the field.
export function field(model, order, name, label, attributes, decoded = (value) => value) {
  const problem = h("span", { class: "sq-warn", role: "status" });
  const shown = figure("");
  const isRange = attributes.type === "range";
  let timer = 0;
  const value = () => (input.value === "" ? null : decoded(Number(input.value)));
  const send = () => {
    timer = 0;
    if (input.validity.badInput) problem.textContent = `${label} is a number.`;
    else order("set", { name, value: value() });
  };
  const typed = () => {
    follow(value());
    if (isRange) timer ||= setTimeout(send, 100);
    else send();
  };
  const input = h("input", { "aria-label": label, ...attributes, [isRange ? "oninput" : "onchange"]: typed });
  const follow = (set) => {
    if (isRange) shown.textContent = set ?? attributes.placeholder;
  };
  return {
    element: h("span", { class: "sq-labelled" }, labelled(label, input), shown, problem),
    update() {
      const [wrong, text] = model.get("_problem");
      problem.textContent = wrong === name ? text : "";
      if (wrong === name || timer || (isRange && input.matches(":active"))) return;
      input.value = model.get(name) ?? (isRange ? attributes.max : "");
      follow(model.get(name));
    },
  };
}

// What an event is called, and its surprisal.
export const describe = (place, title, nats) => [
  `Event ${(place + 1).toLocaleString()}, `,
  bdi(title, "sq-strong"),
  ": ",
  nats,
];

// A beginning as a view shows it, with a button that takes away what comes after an event. `before` stands above.
export function begun(view, context, before = []) {
  let [events, nats, at] = [[], [], 0];
  const told = h("span", { role: "status" });
  const cut = button("Cut after it", () => context.picker.order("cut", { position: at }));
  const pick = (i) => {
    at = i;
    reads.choose(i);
    told.replaceChildren(...describe(i, events[i][0], context.tinted(nats[i])));
    cut.hidden = i === events.length - 1;
  };
  const reads = view("The beginning as the model reads it", pick, context);
  return {
    elements: [context.picker.who, before, context.picker.undoing, reads.element, line(reads.tools ?? [], told, cut)],
    read(shown, surprisal) {
      [events, nats] = [context.picker.read(shown), surprisal];
      told.textContent = "";
      cut.hidden = true;
      reads.element.hidden = !events.length;
      reads.fill({ ...shown.whole, codes: integers(shown.events), nats });
    },
  };
}

// A continuation, and a button that goes on from it.
export function continuation(name, view, context, keep) {
  const [size, detail] = [hint(), h("span", { role: "status" })];
  let [run, start, at] = [{}, 0, -1];
  const go = button("", () => keep(start + at));
  const choose = (i) => {
    at = i;
    const more = shows.choose(i) ?? "";
    detail.replaceChildren(...describe(start + i, context.titles[run.codes[i]], context.tinted(run.nats[i])), more);
    go.textContent = `Go on from event ${(start + i + 1).toLocaleString()}`;
  };
  const shows = view(name, choose, context);
  return {
    element: h("section", {}, h("h4", {}, name), size, shows.element, line(shows.tools ?? [], go, detail)),
    update(told, before) {
      run = { ...told, codes: integers(told.codes), nats: floats(told.surprisal) };
      [start, at] = [before, run.codes.length - 1];
      size.textContent = told.count;
      detail.textContent = "";
      go.textContent = "Go on from its end";
      go.disabled = at < 0;
      shows.fill(run);
    },
  };
}

// A playground. `view(label, pick, context)` shows a continuation: it gives its `element`, `fill(run)`, `choose(i)` to
// mark an event, which may give more to say of it, and perhaps `tools`; `pick(i)` takes one. `beginning(context)` gives
// `elements`, and `read(shown, nats)`. `legend(context)` and `controls` stand beside continuations; views and beginning
// find `more` in their context.
export function playground({ model, el }, { view, beginning, legend, controls = [], more = {} }) {
  const frame = mount(el, "Generator playground", model);
  const titles = [...lines(model.get("_titles")), "(end)"];
  const picker = historyPicker(frame, el, model, { whose: "Beginning of ", one: "sequence" });
  const { limits } = model.get("_medium");
  const level = (nats) => limits.filter((limit) => nats >= limit).length;
  const tinted = (nats) => figure(`${number(nats)} nats`, TINTS[level(nats)]);
  const context = { frame, el, model, titles, picker, limits, level, tinted, ...more };
  const begins = beginning(context);
  const { order } = picker;
  const waiting = atRest(frame, (version) => order("run", { version }));
  let [shown, next, answer] = [{}, {}];

  const coming = finder({
    label: "What could come next",
    placeholder: "Search an event",
    texts: () => titles,
    order: () => next.order,
    onpick: (item) => {
      if (item < titles.length - 1) order("add", { item, position: null });
      else frame.say("It would end here.");
    },
    row: (i) => [
      bdi(titles[i], "sq-label"),
      chanceBar(next.drawn[i] / next.largest, next.own[i] / next.largest),
      amount(percent(next.drawn[i]), 5.8),
    ],
    rows: 10,
  });
  const make = (name, label, attributes, decoded) => field(model, order, name, label, attributes, decoded);
  const range = { type: "range", step: 0.05, min: 0.05, style: "width:110px" };
  const count = { type: "number", step: 1, min: 1 };
  const shape = [
    make("temperature", "Temperature", { ...range, max: 2 }),
    make("top_k", "Top k", { ...count, placeholder: "all" }),
    make("top_p", "Top p", { ...range, max: 1, placeholder: "all" }, (p) => (p < 1 ? p : null)),
  ];
  const runs = [
    make("n", "How many", { ...count, max: 6, style: "width:4em" }),
    make("length", "Events", { ...count, placeholder: "to the end", style: "width:8.5em" }),
    make("seed", "Seed", { ...count, min: 0 }),
  ];
  const problem = h("p", { class: "sq-warn", role: "status" });
  const columns = "repeat(auto-fit,minmax(min(280px,100%),1fr))";
  const grid = h("div", { style: `display:grid;gap:12px;align-items:start;grid-template-columns:${columns}` });
  const panels = [];

  // Continuations of another beginning or other settings are asked for anew, once these have come to rest.
  function follow() {
    answer = model.get("_runs");
    const isHere = waiting.isHere(answer, next);
    grid.ariaBusy = !isHere;
    if (!isHere) return;
    const drawn = answer.runs;
    problem.textContent = answer.problem;
    while (panels.length < drawn.length) {
      const row = panels.length;
      const keep = (position) => order("keep", { continuation: row, position, version: answer.version });
      panels.push(continuation(`Continuation ${row + 1}`, view, context, keep));
    }
    grid.replaceChildren(...panels.slice(0, drawn.length).map((one) => one.element));
    for (const [i, told] of drawn.entries()) panels[i].update(told, shown.surprisal.byteLength / 4);
  }
  function draw() {
    const [before, told] = [shown.version, model.get("_next")];
    shown = model.get("_shown");
    if (shown.version !== before) {
      begins.read(shown, floats(shown.surprisal));
      frame.say(shown.said);
    }
    if (told.version !== next.version) {
      const [sorted, own, drawn] = [integers(told.order), floats(told.probability), floats(told.drawn)];
      const [first, second] = sorted; // the first may be the end, which is not drawn
      next = { ...told, order: sorted, own, drawn, largest: Math.max(own[first], drawn[first], drawn[second]) };
      coming.update(first);
    }
    for (const one of [...shape, ...runs]) one.update();
    follow();
  }

  const page = { style: "display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px;overflow-wrap:anywhere" };
  const part = (nodes) => h("div", { style: "flex:1 1 310px;min-width:0" }, nodes);
  const picking = model.get("_users").byteLength ? picker.picking : [];
  const elements = (fields) => fields.map((one) => one.element);
  frame.add(
    hint("Begin a sequence, see what could come next, and let it go on."),
    h(
      "div",
      page,
      part([...picking, ...begins.elements.flat()]),
      part([
        h("h3", {}, "What could come next"),
        line(elements(shape)),
        hint("Bar: the chance to be drawn. Line: what the model says. Choose one to take it."),
        coming.element,
      ]),
    ),
    h("h3", {}, "How it could go on"),
    line(elements(runs), button("Another", () => order("another")), controls, waiting.status),
    legend(context),
    problem,
    grid,
  );
  frame.on(model, "_shown _next _runs _problem temperature top_k top_p n length seed", draw);
  draw();
  return () => frame.unmount();
}
