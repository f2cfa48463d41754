import {
  amount,
  bdi,
  figure,
  finder,
  floats,
  h,
  hint,
  historyEditor,
  historyPicker,
  integers,
  lines,
  listbox,
  mount,
  number,
  put,
  spans,
  twoLines,
} from "./kit.js";

const HINT = "Pick a user, change the history, and see at once what is recommended next, and why.";
const FACTOR = "× 2: twice as likely as without this event. × 0.5: half as likely.";
const OWN = "Each number is the model’s score of the item, less its score without this event.";
const STACK = { style: "display:grid;gap:12px" };

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
  const titles = lines(model.get("_titles"));
  let [shown, events, effects, largest, digits, row, timer] = [{}, [], null, 0, 2, 0, 0];
  const side = () => shown.models.find(({ name }) => name === model.get("model"));
  const user = historyPicker(frame, el, model, { whose: "History of " });
  const editor = historyEditor(user, {
    extra: (i) =>
      effects ? [bar(largest && effects[i] / largest), amount(effectText(effects[i], digits), 3.4)] : [],
    beside: "against ◀ ▶ for",
    empty: "No event yet: add items, and watch what is recommended.",
  });
  const goods = finder({
    label: "Add an item",
    placeholder: "Search by title",
    texts: () => titles,
    onpick: editor.add,
    rows: 4,
  });
  const [why, because, unit] = [h("h3"), h("p"), hint()];
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
          twoLines(title, moved ? strong : null, spans(details)),
          taken ? figure("✓ taken", "sq-strong sq-warn") : null,
          current().probable ? amount(score) : h("span", { class: "sq-track", title: score }, bar),
        ];
      },
      onmove(i) {
        row = i;
        model.set("model", name);
        put(model, "item", current().rows[i].item);
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
    if (!known && (item >= 0 || one))
      timer = setTimeout(() => user.order("explain", { version: shown.version }), 100);
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
      events = editor.read(shown);
      frame.say(shown.said);
    }
    explain();
    editor.draw();
    for (const one of panels) one.draw();
  }

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
  frame.add(hint(HINT), h("div", page, part("1 1 310px", [...user.picking, ...editor.elements]), part(`99 1 ${many ? 540 : 310}px`, right)));
  frame.on(model, "_shown _reasons item model", draw);
  frame.stop(() => clearTimeout(timer));
  goods.update();
  draw();
  return () => frame.unmount();
}

export default { render };
