// What all widgets share: elements, lists, canvases, themes. Text of strangers reaches the page as text nodes alone.
// All of it is exported: `front_end.source` takes what a widget needs.

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

export function fill(element, attributes = {}, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

export function newId() {
  newId.made = (newId.made ?? 0) + 1;
  return `sq${newId.made}`;
}

// Make `el` the widget's root. Keys stay inside, and the focus too when text is clicked: JupyterLab would take "x" or
// "d d" as orders to cut or delete a cell. Only saving goes through.
export function mount(el, name, model) {
  const status = h("div", { class: "sq-hidden", role: "status" });
  const body = h("fieldset", { role: "presentation" });
  el.classList.add("seqrec");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", name);
  el.setAttribute("tabindex", "-1");
  const isSaving = (event) => (event.ctrlKey || event.metaKey) && event.key === "s";
  el.addEventListener("keydown", (event) => isSaving(event) || event.stopPropagation());
  el.append(status, body);
  const stops = [followTheme(el), followKernel(el, model, body)];
  return {
    add: (...children) => body.append(...children),
    say: (text) => (status.textContent = text),
    on(model, names, react) {
      for (const name of names.split(" ")) {
        model.on(`change:${name}`, react);
        stops.push(() => model.off(`change:${name}`, react));
      }
    },
    stop: (action) => stops.push(action),
    unmount() {
      for (const stop of stops) stop();
    },
  };
}

// Say when the kernel has ended, shut down or begun anew: nobody answers any more, so the controls are off.
export function followKernel(el, model, body) {
  const { kernel } = model.widget_manager ?? {};
  const end = () => {
    if (body.disabled) return;
    body.disabled = true;
    body.before(h("p", { class: "sq-warn sq-strong", role: "alert" }, "The kernel has ended: run the cell again."));
  };
  const onstatus = (_, status) => /restarting|dead|terminating/.test(status) && end();
  kernel?.statusChanged?.connect(onstatus);
  kernel?.disposed?.connect(end);
  // Drawn from what a notebook keeps, a widget has had no kernel from the beginning.
  setTimeout(() => el.closest(".jupyter-widgets-disconnected") && end());
  return () => {
    kernel?.statusChanged?.disconnect(onstatus);
    kernel?.disposed?.disconnect(end);
  };
}

// Tell style sheet and canvases whether the notebook is dark, now and when it changes.
export function followTheme(el) {
  const look = () => {
    const [r, g, b] = (getComputedStyle(el).backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255]).map(Number);
    el.classList.toggle("sq-dark", 0.3 * r + 0.6 * g + 0.1 * b < 128);
    el.dispatchEvent(new Event("sq-theme"));
  };
  // A theme's style sheet comes after its name.
  const soon = () => setTimeout(look, 100);
  const observer = new MutationObserver(soon);
  for (const part of [document.documentElement, document.body]) observer.observe(part, { attributes: true });
  observer.observe(document.head, { childList: true });
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", soon);
  queueMicrotask(look);
  return () => {
    observer.disconnect();
    query.removeEventListener("change", soon);
  };
}

export function palette(el) {
  const style = getComputedStyle(el);
  const names = ["fg", "muted", "line", "bg", "accent", "warn", "soft"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--sq-${name}`).trim()]));
}

// React once before the next frame, however often that is asked for until then.
export function nextFrame(react) {
  let isAsked = false;
  const run = () => {
    isAsked = false;
    react();
  };
  return () => {
    if (!isAsked) requestAnimationFrame(run);
    isAsked = true;
  };
}

// A canvas that is sharp on every screen and drawn anew when its size or the theme changes.
export function surface(frame, root, draw, attributes) {
  const canvas = h("canvas", { role: "img", ...attributes });
  const paint = () => {
    const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
    if (!width || !height) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = `12px ${getComputedStyle(canvas).fontFamily}`;
    draw(context, width, height, palette(canvas));
  };
  const redraw = nextFrame(paint);
  const resized = new ResizeObserver(redraw);
  resized.observe(canvas);
  root.addEventListener("sq-theme", redraw);
  frame.stop(() => resized.disconnect());
  return { canvas, redraw };
}

// A picture of one colour: `alphas`, 0 to 255, row by row.
export function stencil(alphas, width, color) {
  const height = alphas.length / width;
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < alphas.length; i++) image.data[4 * i + 3] = alphas[i];
  context.putImageData(image, 0, 0);
  Object.assign(context, { globalCompositeOperation: "source-in", fillStyle: color });
  context.fillRect(0, 0, width, height);
  return canvas;
}

// An SVG as wide as its place, drawn anew when that changes: `draw(width)` gives its nodes.
export function drawing(frame, height, draw, attributes) {
  const element = svg("svg", { width: "100%", height, ...attributes });
  const redraw = () => element.clientWidth && element.replaceChildren(...draw(element.clientWidth));
  const resized = new ResizeObserver(redraw);
  resized.observe(element);
  frame.stop(() => resized.disconnect());
  return { element, redraw };
}

// At most `n` round numbers from `low` to `high`, the ends included where they are round.
export function ticks(low, high, n = 5) {
  if (!(high > low)) return [low];
  const power = 10 ** Math.floor(Math.log10((high - low) / n));
  const step = power * [1, 2, 5, 10].find((factor) => (high - low) / (factor * power) <= n - 1 || factor === 10);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

// A path through points; those that are missing leave a gap, and one between two gaps is a dot.
export function polyline(points, attributes) {
  const isThere = (point) => point && Number.isFinite(point[1]);
  const d = points.map((point, i) =>
    isThere(point) ? `${isThere(points[i - 1]) ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}h0` : "",
  );
  const ends = { "stroke-linecap": "round", "stroke-linejoin": "round" };
  return svg("path", { d: d.join(""), fill: "none", ...ends, ...attributes });
}

// Gives numbers with as many digits as are needed to tell apart what lies in this `range`.
export function formatter(range) {
  const most = Math.max(0, Math.min(12, 2 - Math.floor(Math.log10(range || 1))));
  const plain = (x) => x.toLocaleString(undefined, { maximumFractionDigits: most });
  const text = (x) => (Math.abs(x) >= 1e12 || (range && range < 1e-8) ? x.toExponential(2) : plain(x));
  return (x) => (Number.isNaN(x) ? "–" : text(x).replace("-", "−"));
}

// A list of any length of which only the visible rows exist. `row(i)` gives the nodes of row i.
// Arrows, Home, End and Page keys move; Enter or a click opens; other keys go to `onkey(event, i)`.
export function listbox({
  label,
  row,
  onopen = () => {},
  onmove = () => {},
  onkey = () => {},
  rows = 8,
  rowHeight = 28,
}) {
  const id = newId();
  const space = h("div", { class: "sq-space", role: "presentation" });
  const box = h("div", { class: "sq-list", role: "listbox", tabindex: 0, "aria-label": label }, space);
  let [count, active, empty] = [0, -1, ""];

  const paint = () => {
    space.style.height = `${count * rowHeight}px`;
    if (!count)
      return space.replaceChildren(h("div", { class: "sq-empty", role: "option", "aria-disabled": true }, empty));
    const first = Math.max(0, Math.floor(box.scrollTop / rowHeight) - 2);
    const last = Math.min(count, first + Math.ceil(box.clientHeight / rowHeight) + 5);
    const options = [];
    for (let i = first; i < last; i++) options.push(option(i));
    if (active >= 0 && (active < first || active >= last)) options.push(option(active));
    space.replaceChildren(...options);
    if (active >= 0) box.setAttribute("aria-activedescendant", `${id}-${active}`);
    else box.removeAttribute("aria-activedescendant");
  };
  const option = (i) => {
    const place = { "aria-posinset": i + 1, "aria-setsize": count, "aria-selected": String(i === active) };
    const attributes = { class: "sq-row", role: "option", id: `${id}-${i}`, ...place };
    const onclick = () => {
      move(i);
      onopen(i);
    };
    const element = h("div", { ...attributes, onclick }, row(i));
    element.style.cssText = `top:${i * rowHeight}px;height:${rowHeight}px`;
    return element;
  };
  const show = (i) => {
    if (i * rowHeight < box.scrollTop) box.scrollTop = i * rowHeight;
    else if ((i + 1) * rowHeight > box.scrollTop + box.clientHeight)
      box.scrollTop = (i + 1) * rowHeight - box.clientHeight;
  };
  const move = (i) => {
    active = Math.max(0, Math.min(count - 1, i));
    show(active);
    paint();
    onmove(active);
  };
  // Where nothing is laid out yet, nothing can be scrolled to.
  let height = 0;
  const resized = new ResizeObserver(() => {
    if (!height && active >= 0) show(active);
    height = box.clientHeight;
    paint();
  });
  resized.observe(box);
  box.addEventListener("scroll", paint);
  // Not where a mouse brings the focus: new rows between its press and its release would lose the click.
  box.addEventListener("focus", () => count && active < 0 && box.matches(":focus-visible") && move(0));
  box.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(box.clientHeight / rowHeight) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count };
    if (count && event.key in steps && !event.altKey && !event.ctrlKey) move(active + steps[event.key]);
    else if (event.key === "Enter" && active >= 0) onopen(active);
    else if (active < 0 || !onkey(event, active)) return;
    event.preventDefault();
  });
  return {
    element: box,
    get active() {
      return active;
    },
    // Show `n` rows, of which row `at` is the active one; `nothing` says why there is none.
    update(n, at = active, nothing = "Nothing here.") {
      [count, active, empty] = [n, Math.min(at, n - 1), nothing];
      box.style.height = `${Math.max(2, Math.min(rows, n)) * rowHeight + 2}px`;
      if (active >= 0) show(active);
      paint();
    },
  };
}

// A search field over labels, with the list of those that match. `onpick(i)` takes a label's index, `onkey(event, i)`
// too; `order()` gives the indices in another order than their own, `size` the list's rows and their height.
export function finder({ label, placeholder, texts, onpick, row, onkey = () => {}, order, ...size }) {
  let lowered = null;
  let found = [];
  const list = listbox({
    label: `${label}: matches`,
    ...size,
    row: (i) => (row ? row(found[i]) : bdi(texts()[found[i]], "sq-label")),
    onopen: (i) => onpick(found[i]),
    onkey: (event, i) => onkey(event, found[i]),
  });
  const count = h("span", { class: "sq-muted", role: "status" });
  const search = (chosen = -1) => {
    const asked = input.value.trim().toLowerCase();
    lowered ??= texts().map((text) => text.toLowerCase());
    found = [];
    for (const i of order?.() ?? lowered.keys()) if (lowered[i].includes(asked)) found.push(i);
    count.textContent = asked ? `${found.length.toLocaleString()} match` : `${found.length.toLocaleString()} in all`;
    list.update(found.length, found.indexOf(chosen), "No match.");
  };
  const input = h("input", {
    type: "search",
    "aria-label": label,
    placeholder,
    oninput: () => search(),
    onkeydown: (event) => {
      if (event.key === "Enter" && found.length) {
        onpick(found[0]);
        input.select();
      } else if (event.key === "ArrowDown") list.element.focus();
      else return;
      event.preventDefault();
    },
  });
  return {
    element: h("div", {}, h("div", { class: "sq-line" }, input, count), list.element),
    update: search,
    repaint: () => list.update(found.length),
  };
}

// Set a trait, here and in Python.
export function put(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

export const line = (...parts) => h("div", { class: "sq-line" }, ...parts);
export const hint = (...parts) => h("p", { class: "sq-muted" }, ...parts);
export const bdi = (text, kind) => h("bdi", { class: kind }, text);
export const figure = (text, more = "") => h("span", { class: `sq-figure ${more}` }, text);

export const button = (label, onclick, attributes = {}) =>
  h("button", { type: "button", onclick, ...attributes }, label);

export function select(label, options, value, onpick) {
  const element = h(
    "select",
    { "aria-label": label, onchange: () => onpick(element.value) },
    options.map((option) => h("option", { value: option, selected: option === value }, option)),
  );
  return element;
}

export const labelled = (text, control) => h("label", { class: "sq-labelled" }, h("span", {}, text), control);

// Three significant digits, without an exponent where a person would write none.
export function number(x) {
  if (x == null || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (Number.isInteger(x) || Math.abs(x) >= 1000) return Math.round(x).toLocaleString().replace("-", "−");
  const text = Math.abs(x) < 1e-3 ? x.toExponential(1) : String(Number(x.toPrecision(3)));
  return text.replace("-", "−");
}

export const copied = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
export const floats = (view) => new Float32Array(copied(view));
export const doubles = (view) => new Float64Array(copied(view));
export const integers = (view) => new Int32Array(copied(view));
export const bytes = (view) => new Uint8Array(copied(view));
export const lines = (view) => (view.byteLength ? new TextDecoder().decode(view).split("\n") : []);

// What takes Python a while is asked for by `version` once all has come to rest; `status` says when it takes longer.
export function atRest(frame, ask) {
  const status = h("span", { class: "sq-muted", role: "status" });
  let timers = [];
  const stop = () => {
    timers.forEach(clearTimeout);
    status.textContent = "";
  };
  frame.stop(stop);
  return {
    status,
    // Whether an answer is of this version; if not, it is asked for anew.
    isHere(answer, { version }) {
      stop();
      if (answer.version === version) return true;
      const wait = () => (status.textContent = "Working it out …");
      timers = [setTimeout(() => ask(version), 150), setTimeout(wait, 400)];
    },
  };
}

export const amount = (text, width) =>
  h("span", { class: "sq-figure", style: `text-align:right;min-width:${width}em` }, text);
export const counted = (n) => `${n.toLocaleString()} event${n === 1 ? "" : "s"}`;

// A title, and below it what there is room for: what would be cut is left out.
export const twoLines = (title, ...below) =>
  h(
    "div",
    { style: "flex:1;min-width:0;line-height:1.25" },
    h("bdi", { class: "sq-label", style: "display:block" }, title),
    h("div", { class: "sq-some sq-muted" }, ...below),
  );
export const spans = (text) => (text ? text.split(" · ").map((part) => h("span", { dir: "auto" }, part)) : []);

// A history that is chosen, and whose edits are undone. Python holds the truth and takes orders.
export function historyPicker(frame, el, model, { whose, one = "user" }) {
  const [titles, users] = [lines(model.get("_titles")), lines(model.get("_users"))];
  const lengths = integers(model.get("_lengths"));
  const order = (name, rest) => model.send({ do: name, ...rest });
  const tool = (name, label) => button(label, () => order(name));
  const tools = { undo: tool("undo", "Undo"), redo: tool("redo", "Redo"), reset: tool("reset", "Back to original") };
  const people = finder({
    label: `Find a ${one}`,
    placeholder: "Search by id",
    texts: () => users,
    row: (i) => [bdi(users[i], "sq-label"), h("span", { class: "sq-muted" }, counted(lengths[i]))],
    onpick: (i) => put(model, "sequence", i),
    rows: 3,
  });
  const who = h("h3");
  const follow = () => people.update(model.get("sequence"));
  el.addEventListener("keydown", (event) => {
    const name = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[event.key.toLowerCase()];
    if (!name || !(event.ctrlKey || event.metaKey) || event.target.matches("input, textarea")) return;
    order(name);
    event.preventDefault();
  });
  frame.on(model, "sequence", follow);
  follow();
  return {
    order,
    who,
    undoing: line(...Object.values(tools)),
    picking: [
      h("h3", {}, one[0].toUpperCase() + one.slice(1)),
      people.element,
      line(
        tool("random_user", "Random"),
        button(`New ${one}`, () => put(model, "sequence", -1)),
      ),
    ],
    // Give the events of what Python says of the history: what each is called, and what stands below.
    read(told) {
      const [unknown, notes] = [lines(told.unknown), lines(told.notes)];
      who.replaceChildren(whose, bdi(told.user));
      for (const name in tools) tools[name].disabled = !told[name];
      const name = (column) => (column < 0 ? unknown.shift() : titles[column]);
      return Array.from(integers(told.events), (column, i) => [name(column), notes[i]]);
    },
  };
}

// A history as a list in which it is edited. The selection goes ahead of Python, so that quick orders add up.
// `extra(i)` gives what stands beside event i.
export function historyEditor({ order, who, undoing, read }, { extra = () => [], beside = "", empty }) {
  let [shown, events, at] = [{}, [], -1];
  const remove = () => at >= 0 && order("remove", { position: at });
  const move = (by) => {
    const to = at + by;
    if (at < 0 || to < 0 || to >= events.length) return;
    order("move", { position: at, to });
    at = to;
    history.update(events.length, at);
  };
  const tools = [
    button("Remove", remove),
    button("Move up", () => move(-1)),
    button("Move down", () => move(1)),
    button("Cut after it", () => order("cut", { position: at })),
  ];
  const enable = () => {
    const isBeforeLast = at >= 0 && at < events.length - 1;
    [at >= 0, at > 0, isBeforeLast, isBeforeLast].forEach((can, i) => {
      tools[i].disabled = !can;
    });
  };
  const history = listbox({
    label: "History, oldest event first",
    rowHeight: 38,
    row: (i) => [twoLines(events[i][0], spans(events[i][1])), ...extra(i)],
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
  const size = h("span", { class: "sq-muted" });
  return {
    add: (item) => order("add", { item, position: ++at }),
    read(told) {
      events = read(told);
      at = told.start === shown.start ? Math.min(Math.max(at, 0), events.length - 1) : events.length - 1;
      shown = told;
      size.textContent = `${counted(events.length)}, oldest first${told.reset ? ", edited" : ""}`;
      enable();
      return events;
    },
    draw: () => history.update(events.length, at, empty),
    elements: [
      who,
      line(...tools),
      undoing,
      h(
        "div",
        { class: "sq-line", style: "justify-content:space-between" },
        size,
        h("span", { class: "sq-muted" }, beside),
      ),
      history.element,
      hint("Keys: Delete removes, Alt+↑ and Alt+↓ move, Ctrl+Z undoes, Ctrl+Y redoes."),
    ],
  };
}
