import { h, mount, listbox, finder, button, bdi, line, hint, figure, number, integers, floats, lines } from "./kit.js";

const HINT = "Pick a user, change the history, and see at once what is recommended next, and why.";
const KEYS = "Keys: Delete removes, Alt+↑ and Alt+↓ move, Ctrl+Z undoes, Ctrl+Y redoes.";
const FACTOR = "× 2: twice as likely as without this event. × 0.5: half as likely.";
const OWN = "Each number is the model’s score of the item, less its score without this event.";
const STACK = { style: "display:grid;gap:12px" };

const amount = (text, width) => h("span", { class: "sq-figure", style: `text-align:right;min-width:${width}em` }, text);
const counted = (n) => `${n.toLocaleString()} event${n === 1 ? "" : "s"}`;

// A title, and below it what there is room for: what would be cut is left out.
const twoLines = (title, ...below) =>
  h(
    "div",
    { style: "flex:1;min-width:0;line-height:1.25" },
    h("bdi", { class: "sq-label", style: "display:block" }, title),
    h("div", { class: "sq-some sq-muted" }, ...below),
  );
const parts = (text) => (text ? text.split(" · ").map((part) => h("span", { dir: "auto" }, part)) : []);

function signed(x, digits) {
  const text = Math.abs(x).toFixed(digits);
  return Number(text) ? (x > 0 ? "+" : "−") + text : "0";
}

// What an event does to an item: of probabilities a factor, of other scores a difference.
function effectText(x, digits) {
  if (digits >= 0) return signed(x, digits);
  const factor = Math.exp(x);
  return `×\u00a0${number(Number(factor > 0.1 && factor < 10 ? factor.toFixed(2) : factor.toPrecision(2)))}`;
}
const isNothing = (text) => text === "0" || text === "×\u00a01";

// As many digits after the point as tell two of the largest number.
const digitsOf = (largest) => Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(largest))));

// To the right of the middle for what moved an item up, to the left for what moved it down.
function bar(share) {
  const [from, colour] = share < 0 ? ["right", "warn"] : ["left", "accent"];
  const middle = "linear-gradient(var(--sq-line),var(--sq-line)) center/1px 100% no-repeat";
  const length = `position:absolute;top:2px;height:10px;${from}:50%;width:${50 * Math.abs(share)}%;background:var(--sq-${colour})`;
  return h(
    "span",
    { style: `flex:none;position:relative;width:52px;height:14px;background:${middle}`, "aria-hidden": "true" },
    h("span", { style: length }),
  );
}

function eventsOf(shown, titles) {
  const [unknown, notes] = [lines(shown.unknown), lines(shown.notes)];
  return Array.from(integers(shown.events), (column, i) => [column < 0 ? unknown.shift() : titles[column], notes[i]]);
}

function effectsOf(reasons, place, n) {
  const positions = integers(reasons.positions);
  const values = floats(reasons.effects).subarray(place * positions.length);
  const all = new Array(n).fill(0);
  for (let i = 0; i < positions.length; i++) all[positions[i]] = values[i];
  return all;
}

// "Most for: X (× 3.3), Y (× 1.5). Most against: Z (× 0.7)."
function sentence(events, effects, digits) {
  const order = effects.map((_, i) => i).filter((i) => !isNothing(effectText(effects[i], digits)));
  order.sort((a, b) => effects[b] - effects[a]);
  const list = (start, chosen) =>
    chosen
      .flatMap((i, n) => [n ? ", " : start, bdi(events[i][0]), ` (${effectText(effects[i], digits)})`])
      .concat(chosen.length ? ". " : "");
  if (!order.length) return ["No event of this history changes it."];
  const most = order.filter((i) => effects[i] > 0).slice(0, 3);
  return [
    ...list("Most for: ", most),
    ...list(
      "Most against: ",
      order
        .filter((i) => effects[i] < 0)
        .slice(-3)
        .reverse(),
    ),
  ];
}

function render({ model, el }) {
  const frame = mount(el, "Recommendation explorer", model);
  const [titles, users, lengths] = [
    lines(model.get("_titles")),
    lines(model.get("_users")),
    integers(model.get("_lengths")),
  ];
  let [shown, events, effects, largest, digits, at, row, timer] = [{}, [], null, 0, 2, -1, 0, 0];
  const side = () => shown.models.find(({ name }) => name === model.get("model"));
  const set = (values) => {
    for (const name in values) model.set(name, values[name]);
    model.save_changes();
  };

  // Python holds the truth and takes orders; the selection goes ahead of it, so that quick orders add up.
  const order = (name, rest) => model.send({ do: name, ...rest });
  const remove = () => at >= 0 && order("remove", { position: at });
  const move = (by) => {
    const to = at + by;
    if (at < 0 || to < 0 || to >= events.length) return;
    order("move", { position: at, to });
    at = to;
    history.update(events.length, at);
  };
  const tools = {
    remove: button("Remove", remove),
    up: button("Move up", () => move(-1)),
    down: button("Move down", () => move(1)),
    undo: button("Undo", () => order("undo")),
    redo: button("Redo", () => order("redo")),
    reset: button("Back to original", () => order("reset")),
  };
  const enable = () => {
    const can = { ...shown, remove: at >= 0, up: at > 0, down: at >= 0 && at < events.length - 1 };
    for (const name in tools) tools[name].disabled = !can[name];
  };
  const history = listbox({
    label: "History, oldest event first",
    rowHeight: 38,
    row: (i) => [
      twoLines(events[i][0], parts(events[i][1])),
      effects && bar(largest && effects[i] / largest),
      effects && amount(effectText(effects[i], digits), 3.4),
    ],
    onmove(i) {
      at = i;
      enable();
    },
    onkey: (event) => {
      const by = event.altKey && { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (by) move(by);
      else if (event.key === "Delete") remove();
      return by || event.key === "Delete";
    },
  });
  const people = finder({
    label: "Find a user",
    placeholder: "Search by id",
    texts: () => users,
    row: (i) => [bdi(users[i], "sq-label"), h("span", { class: "sq-muted" }, counted(lengths[i]))],
    onpick: (i) => set({ sequence: i }),
    rows: 3,
  });
  const goods = finder({
    label: "Add an item",
    placeholder: "Search by title",
    texts: () => titles,
    onpick: (item) => order("add", { item, position: ++at }),
    rows: 4,
  });
  const [who, size, why, because, unit] = [h("h3"), h("span", { class: "sq-muted" }), h("h3"), h("p"), hint()];
  const many = model.get("_shown").models.length > 1;
  const panels = model.get("_shown").models.map(panel);

  function panel({ name }, number) {
    const [meaning, warning, gone, truth] = [hint(), h("p", { class: "sq-warn" }), hint(), h("p")];
    const badge = h("span", { class: "sq-badge", hidden: true }, "cold");
    const current = () => shown.models[number];
    const list = listbox({
      label: `Recommended by ${name}`,
      rowHeight: 42,
      rows: 10,
      row: (i) => {
        const { title, moved, details, score, standing, taken, share } = current().rows[i];
        const strong = h(
          "span",
          { class: "sq-strong", style: `color:var(--sq-${moved[0] === "▼" ? "warn" : "accent"})` },
          moved,
        );
        const bar = h("span", { class: "sq-bar", style: `width:${100 * share}%` });
        return [
          amount(standing, 1.8),
          twoLines(title, moved ? strong : null, parts(details)),
          taken ? figure("✓ taken", "sq-strong sq-warn") : null,
          current().probable ? amount(score) : h("span", { class: "sq-track", title: score }, bar),
        ];
      },
      onmove(i) {
        row = i;
        set({ item: current().rows[i].item, model: name });
      },
    });
    const draw = () => {
      const { rows, probable, cold } = current();
      meaning.textContent = `${probable ? "Chance of coming next" : "The model’s own score, as a bar; =: a tie"}. Choose one to see why.`;
      warning.textContent = cold;
      badge.hidden = !cold;
      truth.replaceChildren(
        ...current().truth.flatMap(([title, place]) => ["✓ In truth ", bdi(title, "sq-strong"), ` came next: ${place}. `]),
      );
      gone.textContent = current().gone.length ? `No longer here: ${current().gone.join(", ")}` : "";
      list.update(rows.length, name === model.get("model") ? focused() : -1, "Nothing is left to recommend.");
    };
    return {
      draw,
      element: h(
        "section",
        {},
        h("h3", {}, many ? bdi(name) : "Recommended next", " ", badge),
        meaning,
        warning,
        truth,
        list.element,
        gone,
      ),
    };
  }

  // The place of the explained item among the recommendations, or -1.
  function focused() {
    const [{ rows }, item] = [side(), model.get("item")];
    return item < 0 ? Math.min(row, rows.length - 1) : rows.findIndex((one) => one.item === item);
  }

  // Show why. Reasons of another history, model or item are not shown: they are asked for anew.
  function explain() {
    const [reasons, item, { rows, probable }, place] = [model.get("_reasons"), model.get("item"), side(), focused()];
    const fresh = reasons.version === shown.version && reasons.model === model.get("model");
    const one = place >= 0 ? rows[place] : reasons.other?.item === item && reasons.other;
    const known = fresh && one;
    clearTimeout(timer);
    if (!known && (item >= 0 || one)) timer = setTimeout(() => order("explain", { version: shown.version }), 100);
    effects = known ? effectsOf(reasons, place < 0 ? rows.length : place, events.length) : null;
    largest = effects ? Math.max(...effects.map(Math.abs)) : 0;
    digits = probable ? -1 : digitsOf(largest);
    why.replaceChildren(
      "Why “",
      bdi(one?.title ?? titles[item] ?? "…"),
      "”",
      ...(many ? [" by ", bdi(model.get("model"))] : []),
      "?",
    );
    because.replaceChildren(
      ...(known ? [place < 0 ? one.place : "", ...sentence(events, effects, digits)] : ["Working it out …"]),
    );
    unit.textContent = probable ? FACTOR : OWN;
  }

  function draw() {
    const before = shown;
    shown = model.get("_shown");
    if (shown.version !== before.version) {
      events = eventsOf(shown, titles);
      at = shown.start === before.start ? Math.min(Math.max(at, 0), events.length - 1) : events.length - 1;
      who.replaceChildren("History of ", bdi(shown.user));
      size.textContent = `${counted(events.length)}, oldest first${shown.reset ? ", edited" : ""}`;
      frame.say(shown.said);
      enable();
    }
    explain();
    history.update(events.length, at, "No event yet: add items, and watch what is recommended.");
    for (const one of panels) one.draw();
  }

  el.addEventListener("keydown", (event) => {
    const name = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[event.key.toLowerCase()];
    if (!name || !(event.ctrlKey || event.metaKey) || event.target.tagName === "INPUT") return;
    order(name);
    event.preventDefault();
  });

  const left = [
    h("h3", {}, "User"),
    people.element,
    line(
      button("Random", () => order("random_user")),
      button("New user", () => set({ sequence: -1 })),
    ),
    who,
    line(tools.remove, tools.up, tools.down),
    line(tools.undo, tools.redo, tools.reset),
    h(
      "div",
      { class: "sq-line", style: "justify-content:space-between" },
      size,
      h("span", { class: "sq-muted" }, "against ◀ ▶ for"),
    ),
    history.element,
    hint(KEYS),
  ];
  const grid = "display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(min(260px,100%),1fr))";
  const columns = (...nodes) => h("div", { style: grid }, ...nodes);
  const adding = h(
    "section",
    {},
    h("h3", {}, "Add an item"),
    hint("It is inserted after the selected event."),
    goods.element,
  );
  const reason = h("section", {}, why, because, unit);
  const lists = panels.map((one) => one.element);
  const right = many
    ? h("div", STACK, columns(adding, reason), columns(lists))
    : columns(h("div", STACK, adding, reason), lists);
  const page = { style: "display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px;overflow-wrap:anywhere" };
  const part = (flex, nodes) => h("div", { style: `flex:${flex};min-width:0` }, nodes);
  // Lists side by side come before all beside each other.
  frame.add(hint(HINT), h("div", page, part("1 1 310px", left), part(`99 1 ${many ? 540 : 310}px`, right)));
  frame.on(model, "_shown _reasons item model", draw);
  frame.on(model, "sequence", () => people.update(model.get("sequence")));
  frame.stop(() => clearTimeout(timer));
  people.update(model.get("sequence"));
  goods.update();
  draw();
  return () => frame.unmount();
}

export default { render };
