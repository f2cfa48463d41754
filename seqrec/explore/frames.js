import {
  amount,
  atRest,
  bdi,
  bytes,
  button,
  copied,
  figure,
  finder,
  floats,
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
  stencil,
  surface,
  twoLines,
} from "./kit.js";

const [LEFT, RIGHT, TOP, FOOT] = [96, 60, 34, 20]; // pixels: names, channels' reasons, stretches' reasons, time
const ANY = "any class";

// Truth by rows, prediction by columns: a cell, or the name of a class, lists the sequences that it counts.
function confusion(model, names, pick) {
  const { rows, columns, counts: packed, note } = model.get("_matrix");
  const counts = integers(packed);
  const cells = [];
  const cell = (tag, truth, predicted, title, text, style = "") => {
    const element = h(tag, { title, style: `cursor:pointer;${style}`, onclick: () => pick(truth, predicted) }, text);
    if (tag === "td") cells.push([element, truth, predicted]);
    return element;
  };
  const head = (i, truth, predicted, said, style) => {
    const name = h(
      "bdi",
      { class: "sq-label", style: "display:block;min-width:0;max-height:8em;max-width:8em" },
      names[i],
    );
    return cell("th", truth, predicted, `${said} ${names[i]}`, name, style);
  };
  const row = (truth, r) => {
    const own = [...counts.subarray(r * columns.length, (r + 1) * columns.length)];
    const sum = own.reduce((a, b) => a + b, 0);
    const part = (i, k) => {
      const depth = own[k] ? 6 + (34 * own[k]) / sum : 0;
      const color = truth === null || truth === i ? "accent" : "warn";
      const said = `${truth === null ? "" : `${names[truth]}, `}taken for ${names[i]}`;
      const tint = `background:color-mix(in srgb,var(--sq-${color}) ${depth}%,var(--sq-bg))`;
      return cell("td", truth, i, said, own[k] || "·", tint);
    };
    const name = truth === null ? h("th", {}, "sequences") : head(truth, truth, null, "all of");
    return h("tr", {}, name, columns.map(part));
  };
  const first = h("th", {}, rows.length ? "is ↓ taken for →" : "taken for →");
  const heads = columns.map((i) => head(i, null, i, "taken for", "writing-mode:vertical-rl;text-align:left"));
  const body = (rows.length ? rows : [null]).map(row);
  const table = h("table", {}, h("tbody", {}, h("tr", {}, first, heads), body));
  return {
    element: h(
      "div",
      {},
      h("div", { class: "sq-list", tabindex: 0, style: "overflow:auto;max-height:290px" }, table),
      hint(note),
    ),
    mark(truth, predicted) {
      for (const [element, own, taken] of cells) {
        const isIn = (truth ?? own) === own && (predicted ?? taken) === taken && (truth ?? predicted) !== null;
        element.style.outline = isIn ? "2px solid var(--sq-fg)" : "";
        element.style.outlineOffset = "-2px";
      }
    },
  };
}

// The sequences of the class, and taken for the class, that is chosen.
function sequenceList(model) {
  const [keys, notes, chances] = ["_keys", "_notes", "_chances"].map((name) => lines(model.get(name)));
  const [truths, predictions] = ["_truths", "_predictions"].map((name) => integers(model.get(name)));
  return finder({
    label: "Find a sequence",
    placeholder: "Search by key or class",
    texts: () => keys.map((key, i) => `${key} ${notes[i]}`),
    row: (i) => [twoLines(keys[i], figure(chances[i]), bdi(notes[i]))],
    onpick: (i) => put(model, "sequence", i),
    rows: 8,
    rowHeight: 38,
    order() {
      const [truth, predicted] = [model.get("truth"), model.get("predicted")];
      const isListed = (i) => (truth ?? truths[i]) === truths[i] && (predicted ?? predictions[i]) === predictions[i];
      return integers(model.get("_order")).filter(isListed);
    },
  });
}

// Curves in their lanes, or a heat map; above what speaks for each stretch of time, on the right for each channel.
function picture(frame, el, state, onstep) {
  let made = {};
  const across = (width) => Math.max(1, width - LEFT - RIGHT);
  const draw = (context, width, height, colors) => {
    const { shown, told, n } = state;
    const { lanes, usual, every, shades, columns } = shown;
    const { channels } = state;
    const base = height - FOOT;
    const count = lanes ? lanes.length : channels.length;
    const tall = (base - TOP) / count;
    const place = (step) => LEFT + (step / n) * across(width);
    // Of a heat map, the first channel is at the foot, as the deepest pitch of a spectrogram.
    const top = (channel) => TOP + (lanes ? channel : count - 1 - channel) * tall;
    const box = (from, to, up, color) => {
      Object.assign(context, { strokeStyle: color, lineWidth: 2 });
      context.strokeRect(place(from), up, place(to) - place(from), base - up);
    };
    const write = (text, x, y, color = colors.fg, align = "left") => {
      Object.assign(context, { fillStyle: color, textAlign: align });
      context.fillText(text, x, y, LEFT - 8);
    };
    const fill = (color, ...place) => {
      context.fillStyle = color;
      context.fillRect(...place);
    };
    const best = told?.stretches.filter((one) => one[3]) ?? [];
    const ranks = new Map(told?.channels.filter((one) => one[2]).map(([channel, , rank]) => [channel, rank]));
    for (const [from, to] of best) fill(colors.soft, place(from), TOP, place(to) - place(from), base - TOP);
    if (shades) {
      if (made.of !== shades || made.color !== colors.fg)
        made = { of: shades, color: colors.fg, canvas: stencil(shades, columns, colors.fg) };
      context.save();
      context.imageSmoothingEnabled = false;
      context.translate(0, TOP + base);
      context.scale(1, -1);
      context.drawImage(made.canvas, LEFT, TOP, across(width), base - TOP);
      context.restore();
    }
    // A line for what is usual, and the curve; one value alone is a dot.
    for (const [channel, lane] of (lanes ?? []).entries()) {
      const y = (value) => top(channel) + 3 + (1 - value) * (tall - 6);
      fill(colors.line, LEFT, y(usual[channel]), across(width), 0.5);
      const isStrong = ranks.has(channel);
      const ink = { strokeStyle: isStrong ? colors.accent : colors.fg, lineWidth: isStrong ? 2 : 1.2 };
      Object.assign(context, { ...ink, lineCap: "round", lineJoin: "round" });
      context.beginPath();
      lane.forEach((value, i) => {
        if (Number.isNaN(value)) return;
        const x = place(Math.min(n, (i + 0.5) * every));
        if (!(lane[i - 1] <= 2)) context.moveTo(x, y(value));
        context.lineTo(x, y(value));
      });
      context.stroke();
    }
    for (const [from, to] of best) box(from, to, TOP, colors.accent);
    if (state.picked) box(...state.picked, 1, colors.fg);
    const taken = [];
    for (const channel of [...ranks.keys(), ...Array(count).keys()]) {
      const y = top(channel) + tall / 2 + 4;
      if (channel >= count || taken.some((one) => Math.abs(one - y) < 13)) continue;
      taken.push(y);
      const isStrong = ranks.has(channel);
      const text = `${isStrong ? `${ranks.get(channel)}. ` : ""}${channels[channel]}`;
      write(text, 0, y, isStrong ? colors.fg : colors.muted);
    }
    for (const [step, text] of shown.marks) {
      fill(colors.muted, place(step), base, 1, 4);
      write(text, place(step), height - 3, colors.muted, "center");
    }
    // Bars up and to the right speak for the class, those in the colour of a warning against it.
    const side = (size) => (size < 0 ? colors.warn : colors.accent);
    for (const [from, to, size, rank] of told?.stretches ?? []) {
      const [zero, high] = [TOP / 2, size * (TOP / 2 - 2)];
      fill(side(size), place(from) + 1, zero - Math.max(0, high), place(to) - place(from) - 2, Math.abs(high) + 1);
      if (rank) write(`${rank}.`, place(from) + 2, TOP - 4);
    }
    for (const [channel, size] of told?.channels ?? [])
      if (channel < count)
        fill(side(size), width - RIGHT + 6, top(channel) + tall * 0.2, Math.abs(size) * (RIGHT - 8), tall * 0.6);
    if (state.step >= 0) fill(colors.warn, place(state.step + 0.5) - 1, 0, 2, base);
    if (state.now >= 0) fill(colors.fg, place(state.now) - 1, 0, 2, base);
  };
  const { canvas, redraw } = surface(frame, el, draw);
  canvas.style.cssText = "cursor:crosshair;touch-action:pan-y";
  const at = (event) => {
    const far = (event.clientX - canvas.getBoundingClientRect().left - LEFT) / across(canvas.clientWidth);
    onstep(Math.max(0, Math.min(state.n - 1, Math.floor(far * state.n))));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    at(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && at(event));
  return { canvas, redraw };
}

// The sound of the sequence, or of the stretch that is chosen; Python sends it when it is first asked for.
function player(frame, model, state, redraw) {
  const note = h("span", { class: "sq-muted", role: "status" });
  const toggle = button("", () => (source ? stop() : play()));
  let [audio, source, isWanted] = [null, null, false];
  function stop() {
    source?.stop();
    [source, isWanted, state.now] = [null, false, -1];
    toggle.textContent = "▶ Play";
    redraw();
  }
  function play() {
    const { version, seconds, n, picked = [0, n] } = { ...state, ...state.shown };
    const told = model.get("_sound");
    isWanted = told.version !== version;
    if (isWanted) return model.send({ do: "sound", version });
    const samples = new Int16Array(copied(told.samples));
    note.textContent = told.note;
    audio ??= new AudioContext();
    audio.resume();
    const buffer = audio.createBuffer(1, samples.length, told.rate);
    buffer.copyToChannel(
      Float32Array.from(samples, (one) => one / 32768),
      0,
    );
    const [from, to] = picked.map((step) => Math.min(buffer.duration, (step / n) * seconds));
    source = Object.assign(audio.createBufferSource(), { buffer });
    source.connect(audio.destination);
    const begun = audio.currentTime;
    source.start(0, from, to - from);
    toggle.textContent = "■ Stop";
    const follow = () => {
      const past = from + audio.currentTime - begun;
      if (!source) return;
      if (past >= to) return stop();
      state.now = (past / seconds) * n;
      requestAnimationFrame(follow);
      redraw();
    };
    follow();
  }
  frame.on(model, "_sound", () => isWanted && play());
  frame.stop(() => audio?.close());
  return {
    element: line(toggle, note),
    update() {
      stop();
      note.textContent = "";
    },
  };
}

function render({ model, el }) {
  const frame = mount(el, "Frame explorer", model);
  const names = lines(model.get("_classes"));
  const state = { now: -1, step: -1, n: 0 };
  const waiting = atRest(frame, (version) => model.send({ do: "run", version }));
  const pick = (truth, predicted) => {
    const isOn = model.get("truth") === truth && model.get("predicted") === predicted;
    model.set("truth", isOn ? null : truth);
    put(model, "predicted", isOn ? null : predicted);
  };
  const matrix = confusion(model, names, pick);
  const list = sequenceList(model);
  const tell = (step) => put(model, "step", step);
  const chart = picture(frame, el, state, tell);
  const redraw = nextFrame(chart.redraw);
  const sound = player(frame, model, state, redraw);
  const slider = h("input", { type: "range", min: 0, "aria-label": "Frame", oninput: () => tell(+slider.value) });
  slider.style.cssText = `display:block;margin-left:${LEFT - 8}px;width:calc(100% - ${LEFT + RIGHT - 16}px)`;
  const [who, said, legend, chances, view] = [h("h3"), h("p"), hint(), h("div"), h("div")];
  const [detail, about, nothing] = [h("p", { class: "sq-detail", role: "status" }), hint(), hint()];
  const chooser = (label, name, options, values = options) => {
    const element = select(label, options, "", () => put(model, name, values[element.selectedIndex]));
    return [labelled(label, element), () => (element.selectedIndex = values.indexOf(model.get(name)))];
  };
  const classChooser = (label, name, all) => chooser(label, name, [ANY, ...all], [null, ...all.keys()]);
  const choosers = [
    classChooser("Is", "truth", names),
    classChooser("Taken for", "predicted", names.slice(0, model.get("_n_known"))),
    chooser("Sort by", "sort", model.get("_sorts")),
    chooser("Shown as", "view", model.get("_views")),
  ];
  const reasons = listbox({
    label: "What speaks for the class",
    rows: 6,
    row: (k) => [bdi(state.told.rows[k], "sq-label"), figure(state.told.nats[k])],
    onmove(k) {
      state.picked = state.told.places[k] ?? undefined;
      if (state.picked) tell(state.picked[0]);
      redraw();
    },
  });
  const speaks = h("h4");
  const why = h("div", {}, speaks, about, reasons.element);

  function readList() {
    matrix.mark(model.get("truth"), model.get("predicted"));
    for (const [, update] of choosers) update();
    list.update(model.get("sequence"));
  }
  function readShown() {
    const told = model.get("_shown");
    if (state.shown?.of === told) return;
    const { version, n = 0, curves } = told;
    Object.assign(state, { shown: { ...told, of: told }, n, picked: undefined, told: null });
    view.hidden = version < 0;
    nothing.textContent = view.hidden ? told.text : "";
    sound.update();
    if (view.hidden) return;
    state.channels = lines(told.channels);
    if (curves) {
      const all = floats(curves);
      const size = all.length / told.count;
      state.shown.lanes = Array.from({ length: told.count }, (_, k) => all.subarray(k * size, (k + 1) * size));
      state.shown.usual = floats(told.usual);
    } else if (n) state.shown.shades = bytes(told.shades);
    who.replaceChildren("Sequence ", bdi(told.key));
    said.replaceChildren(bdi(told.said));
    legend.textContent = told.legend;
    speaks.replaceChildren("What speaks for ", bdi(told.prediction));
    const bar = (part) =>
      h("span", { class: "sq-track" }, h("span", { class: "sq-bar", style: `width:${100 * part}%` }));
    chances.replaceChildren(...told.chances.map(([name, part, text]) => line(bar(part), amount(text, 4), bdi(name))));
    chart.canvas.hidden = slider.hidden = !n;
    chart.canvas.style.height = `${TOP + FOOT + told.tall}px`;
    chart.canvas.setAttribute("aria-label", told.aria);
    slider.max = n - 1;
    sound.element.style.display = told.seconds ? "" : "none";
  }
  function readStep() {
    const told = model.get("_read");
    state.step = model.get("step");
    slider.value = state.step;
    detail.textContent = told.step === state.step ? told.text : "";
    slider.setAttribute("aria-valuetext", detail.textContent);
  }
  function readReasons() {
    const { shown } = state;
    why.hidden = detail.hidden = !state.n;
    const answer = model.get("_told");
    if (state.told?.of === answer) return;
    reasons.update(0);
    if (why.hidden) return;
    const isHere = waiting.isHere(answer, shown);
    const isTold = isHere && answer.places.length > 0;
    about.textContent = isHere ? answer.text : "";
    reasons.element.hidden = !isTold;
    state.told = isTold ? { ...answer, of: answer, rows: lines(answer.rows), nats: lines(answer.nats) } : null;
    if (isTold) reasons.update(state.told.rows.length, -1);
  }
  function follow() {
    readShown();
    readStep();
    readReasons();
    redraw();
  }

  const part = (grow, nodes) => h("div", { style: `flex:${grow} 1 300px;min-width:0` }, nodes);
  const [[is], [taken], [sort], [look]] = choosers;
  view.append(who, said, chances, line(look, waiting.status), chart.canvas, slider, legend, sound.element, detail, why);
  frame.add(
    h(
      "div",
      { style: "display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px;overflow-wrap:anywhere" },
      part(1, [h("h3", {}, "What was taken for what"), matrix.element, line(is, taken), line(sort), list.element]),
      part(2, [nothing, view]),
    ),
  );
  frame.on(model, "truth predicted sort view _order sequence", readList);
  frame.on(model, "_shown _told _read step", follow);
  readList();
  follow();
  return () => frame.unmount();
}

export default { render };
