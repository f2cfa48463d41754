import {
  amount,
  bdi,
  button,
  figure,
  finder,
  floats,
  h,
  hint,
  historyEditor,
  integers,
  labelled,
  line,
  lines,
  mount,
  number,
} from "./kit.js";

const HINT = "Begin a sequence, see what could come next, and let it go on.";
const BARS = "Bar: the chance to be drawn. Line: what the model says. Choose one to take it.";

// How surprising an event is, from 0 to 3, and how that looks.
export const level = (nats) => [1, 3, 6].filter((limit) => nats >= limit).length;
export const TINTS = ["", "sq-low", "sq-mid", "sq-high"];
export const tinted = (nats) => figure(`${number(nats)} nats`, TINTS[level(nats)]);

function percent(p) {
  if (!p) return "not drawn";
  return p < 1e-5 ? "<0.001 %" : `${number(100 * p)} %`;
}

const legend = () =>
  line(
    h("span", { class: "sq-muted" }, "Surprisal, nats:"),
    figure("below 1"),
    figure("1 to 3", TINTS[1]),
    figure("3 to 6", TINTS[2]),
    figure("6 and more", TINTS[3]),
  );

// The chance to be drawn as a bar, and a line where the model's own chance lies; both against the largest of all.
function bar(drawn, own) {
  const line = `position:absolute;top:0;bottom:0;width:2px;left:calc(${100 * own}% - 1px);background:var(--sq-fg)`;
  return h(
    "span",
    { class: "sq-track", style: "position:relative", "aria-hidden": "true" },
    h("span", { class: "sq-bar", style: `width:${100 * drawn}%;${drawn ? "" : "min-width:0"}` }),
    h("span", { style: line }),
  );
}

// A number that Python checks: what it says of one that will not do stands beside the field.
function field(model, order, name, label, attributes, decoded = (value) => value) {
  const problem = h("span", { class: "sq-warn", role: "status" });
  const shown = figure("");
  let awaited = null;
  let timer = 0;
  const isRange = attributes.type === "range";
  const send = () => {
    clearTimeout(timer);
    timer = 0;
    if (input.validity.badInput) problem.textContent = `${label} is a number.`;
    else order("set", { name, value: awaited });
  };
  const typed = () => {
    awaited = input.value === "" ? null : decoded(Number(input.value));
    follow(awaited);
    if (!isRange) send();
    else timer ||= setTimeout(send, 100);
  };
  const input = h("input", { "aria-label": label, ...attributes, [isRange ? "oninput" : "onchange"]: typed });
  function follow(value) {
    const text = value == null ? attributes.placeholder : String(value);
    shown.textContent = isRange ? text : "";
    input.setAttribute("aria-valuetext", text);
  }
  return {
    element: h("span", { class: "sq-labelled" }, labelled(label, input), shown, problem),
    update() {
      const value = model.get(name);
      const [wrong, text] = model.get("_problem");
      problem.textContent = wrong === name ? text : "";
      if (wrong === name || timer || (isRange && awaited != null && input.matches(":active"))) return;
      input.value = value ?? (isRange ? attributes.max : "");
      follow(value);
    },
  };
}

// A playground whose beginning and continuations are shown by `view(label, pick, context)`, which gives its `element`,
// `fill(run)`, and `choose(i)` to mark an event; `pick(i)` takes one. `isRead`: it shows the beginning, too; `isTyped`: that
// is a text in a field.
export function playground({ model, el }, view, { isRead = false, isTyped = false } = {}) {
  const frame = mount(el, "Generator playground", model);
  const titles = [...lines(model.get("_titles")), "(end)"];
  let [shown, next, heard, timer, late, typing] = [{}, {}, [], 0, 0, 0];
  const editor = historyEditor(frame, el, model, {
    whose: "Beginning of ",
    one: "sequence",
    extra: (i) => [tinted(heard[i])],
    empty: "No event yet: choose one of what could come next.",
  });
  const { order } = editor;

  // A text is typed; Python says what it could not take, and what was typed stays until it is put right.
  const wrong = h("p", { class: "sq-warn", role: "status" });
  const typed = h("textarea", { rows: 3, "aria-label": "Type a beginning", placeholder: "Type a beginning" });
  typed.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => order("type", { text: typed.value }), 250);
  });
  const told = h("p", { class: "sq-detail", role: "status" });
  const context = { frame, el, model, titles };
  const describe = (place, title, nats) => [`Event ${place.toLocaleString()}, `, bdi(title, "sq-strong"), ": ", tinted(nats)];
  const begun = isRead && view(
    "The beginning as the model reads it",
    (i) => {
      begun.choose(i);
      told.replaceChildren(...describe(i + 1, editor.events[i][0], heard[i]));
    },
    context,
  );

  const coming = finder({
    label: "What could come next",
    placeholder: "Search an event",
    texts: () => titles,
    order: () => next.order,
    onpick: (item) => (item < titles.length - 1 ? order("add", { item, position: null }) : frame.say("It would end here.")),
    row: (i) => [
      bdi(titles[i], "sq-label"),
      bar(next.drawn[i] / next.largest, next.own[i] / next.largest),
      amount(percent(next.drawn[i]), 5),
    ],
    rows: 10,
  });

  const make = (name, label, attributes, decoded) => field(model, order, name, label, attributes, decoded);
  const range = { type: "range", step: 0.05, style: "width:110px" };
  const count = { type: "number", step: 1 };
  const fields = {
    temperature: make("temperature", "Temperature", { ...range, min: 0.05, max: 2 }),
    top_k: make("top_k", "Top k", { ...count, min: 1, placeholder: "all" }),
    top_p: make("top_p", "Top p", { ...range, min: 0.05, max: 1, placeholder: "all" }, (p) => (p < 1 ? p : null)),
    n: make("n", "How many", { ...count, min: 1, max: 6 }),
    length: make("length", "Events", { ...count, min: 1, placeholder: "to the end" }),
    seed: make("seed", "Seed", { ...count, min: 0 }),
  };
  const status = h("span", { class: "sq-muted", role: "status" });
  const problem = h("p", { class: "sq-warn", role: "status" });
  const grid = h("div", { class: "sq-columns" });
  const panels = [];

  function panel(number) {
    const [size, detail] = [hint(), h("p", { class: "sq-detail", role: "status" })];
    let [run, at] = [{}, -1];
    const place = (i) => editor.events.length + i; // in the whole sequence
    const keep = button("", () => order("keep", { continuation: number, position: place(at) }));
    const shows = view(`Continuation ${number + 1}`, choose, context);
    function choose(i) {
      at = i;
      shows.choose(i);
      detail.replaceChildren(...describe(place(i) + 1, titles[run.codes[i]], run.nats[i]));
      keep.textContent = `Go on from event ${(place(i) + 1).toLocaleString()}`;
    }
    return {
      element: h("section", {}, h("h4", {}, `Continuation ${number + 1}`), size, shows.element, detail, line(keep)),
      update(told) {
        run = { ...told, codes: integers(told.codes), nats: floats(told.surprisal) };
        at = run.codes.length - 1;
        size.textContent = told.count;
        detail.textContent = "";
        keep.textContent = "Go on from its end";
        keep.disabled = at < 0;
        shows.fill(run);
      },
    };
  }

  // Continuations of another beginning or other settings are asked for anew, once these have come to rest.
  function run() {
    const { version, runs = [], problem: why = "" } = model.get("_runs");
    clearTimeout(timer);
    clearTimeout(late);
    status.textContent = "";
    if (version !== next.version) {
      timer = setTimeout(() => order("run", { version: next.version }), 150);
      late = setTimeout(() => (status.textContent = "Drawing …"), 400);
      return;
    }
    problem.textContent = why;
    while (panels.length < runs.length) panels.push(panel(panels.length));
    grid.replaceChildren(...panels.slice(0, runs.length).map((one) => one.element));
    for (const [i, told] of runs.entries()) panels[i].update(told);
  }

  function draw() {
    const before = [shown, next.version];
    shown = model.get("_shown");
    const told = model.get("_next");
    if (shown.version !== before[0].version) {
      heard = floats(shown.surprisal);
      editor.read(shown);
      if (!typed.matches(":focus")) typed.value = shown.text;
      if (isRead) begun.fill({ ...shown.whole, codes: integers(shown.events), nats: heard });
      told.textContent = "";
      frame.say(shown.said);
      editor.draw();
    }
    if (told.version !== before[1]) {
      const [columns, own, drawn] = [integers(told.order), floats(told.probability), floats(told.drawn)];
      next = { version: told.version, order: columns, own: [], drawn: [], largest: Math.max(own[0], ...drawn.slice(0, 1)) };
      columns.forEach((column, i) => {
        [next.own[column], next.drawn[column]] = [own[i], drawn[i]];
      });
      coming.update(columns[0]);
    }
    const [name, text] = model.get("_problem");
    wrong.textContent = name === "beginning" ? text : "";
    for (const one of Object.values(fields)) one.update();
    run();
  }

  const hasUsers = model.get("_users").byteLength > 0;
  const ofText = [...(hasUsers ? editor.picking : []), editor.who, typed, wrong, editor.undoing];
  const left = [...(isTyped ? ofText : editor.elements), ...(isRead ? [begun.element, told] : [])];
  const page = { style: "display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px;overflow-wrap:anywhere" };
  const part = (nodes) => h("div", { style: "flex:1 1 310px;min-width:0" }, nodes);
  frame.add(
    hint(HINT),
    h(
      "div",
      page,
      part(left),
      part([
        h("h3", {}, "What could come next"),
        line(fields.temperature.element, fields.top_k.element, fields.top_p.element),
        hint(BARS),
        coming.element,
      ]),
    ),
    h("h3", {}, "How it could go on"),
    line(
      fields.n.element,
      fields.length.element,
      fields.seed.element,
      button("Another", () => order("another")),
      status,
    ),
    legend(),
    problem,
    grid,
  );
  frame.on(model, "_shown _next _runs _problem temperature top_k top_p n length seed", draw);
  frame.stop(() => [timer, late, typing].forEach(clearTimeout));
  draw();
  return () => frame.unmount();
}
