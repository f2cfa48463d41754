import { h, mount, put, surface, listbox, finder, figure, number, floats, integers, lines } from "./kit.js";

const [GAP, HEAD] = [6, 18]; // pixels: between maps, above each
const [LONGEST, USUAL] = [16, 0.98]; // characters of an event's name; share of the states that the colours tell apart

function read(trace) {
  const values = floats(trace.values);
  const [order, events] = [integers(trace.order), lines(trace.events)];
  const [nUnits, nSteps] = [order.length, events.length];
  const at = (part, row, step) => values[(part * nUnits + row) * nSteps + step];
  const mean = (part, step) => {
    let sum = 0;
    for (let row = 0; row < nUnits; row++) sum += at(part, row, step);
    return sum / nUnits;
  };
  const largest = trace.parts.map((part, p) => {
    const sizes = values
      .slice(p * nUnits * nSteps, (p + 1) * nUnits * nSteps)
      .map(Math.abs)
      .sort();
    return part.isGate ? 1 : Math.max(1e-9, sizes[Math.floor(USUAL * (sizes.length - 1))]);
  });
  const part = (name) => trace.parts.findIndex((one) => one.name === name);
  const foot = 30 + 5.5 * Math.min(LONGEST, Math.max(...events.map((event) => event.length))); // for the events' names
  return { ...trace, order, events, nUnits, nSteps, at, mean, largest, part, foot };
}

function rgb(color) {
  const context = h("canvas", { width: 1, height: 1 }).getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

// One pixel a unit and step: from the page's colour to blue for what is above 0, to orange for what is below.
function picture(trace, p, colors) {
  const image = new ImageData(trace.nSteps, trace.nUnits);
  const [ground, above, below] = [colors.bg, colors.accent, colors.warn].map(rgb);
  for (let row = 0, pixel = 0; row < trace.nUnits; row++)
    for (let step = 0; step < trace.nSteps; step++, pixel += 4) {
      const share = Math.max(-1, Math.min(1, trace.at(p, row, step) / trace.largest[p]));
      const end = share < 0 ? below : above;
      for (let channel = 0; channel < 3; channel++)
        image.data[pixel + channel] = ground[channel] + Math.abs(share) * (end[channel] - ground[channel]);
      image.data[pixel + 3] = 255;
    }
  const canvas = h("canvas", { width: trace.nSteps, height: trace.nUnits });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function heatMaps(frame, el, state, move) {
  const place = (width, height) => {
    const { parts, nSteps, nUnits, foot } = state.trace;
    const tall = (height - foot) / parts.length - HEAD - GAP;
    return { tall, top: (p) => p * (tall + HEAD + GAP) + HEAD, x: width / nSteps, y: tall / nUnits };
  };
  const draw = (context, width, height, colors) => {
    const { trace, step, row } = state;
    if (!trace) return;
    const { tall, top, x, y } = place(width, height);
    context.imageSmoothingEnabled = false;
    trace.parts.forEach((part, p) => {
      context.fillStyle = colors.fg;
      const range = part.isGate
        ? "0 faint, 1 blue"
        : `orange −${number(trace.largest[p])} to blue ${number(trace.largest[p])}`;
      const [title, short] = [`${part.meaning}  (${range})`, `${part.name}  (${range})`];
      context.fillText(context.measureText(title).width < width ? title : short, 0, top(p) - 5);
      context.drawImage(picture(trace, p, colors), 0, top(p), width, tall);
      context.strokeStyle = colors.line;
      context.strokeRect(0.5, top(p) + 0.5, width - 1, tall - 1);
      context.strokeStyle = colors.fg;
      context.strokeRect(step * x + 0.5, top(p), Math.max(2, x) - 1, tall);
      context.strokeRect(0, top(p) + row * y, width, Math.max(2, y));
    });
    names(context, trace, step, x, height - trace.foot + 8, colors);
  };
  const { canvas, redraw } = surface(frame, el, draw, {
    role: "application",
    tabindex: 0,
    "aria-label": "Gates and states. Left and right: steps. Up and down: units.",
  });
  canvas.addEventListener("keydown", (event) => {
    const { nSteps, nUnits } = state.trace ?? {};
    const steps = {
      ArrowRight: [1, 0],
      ArrowLeft: [-1, 0],
      ArrowDown: [0, 1],
      ArrowUp: [0, -1],
      Home: [-nSteps, 0],
      End: [nSteps, 0],
      PageDown: [0, 10],
      PageUp: [0, -10],
    };
    if (!nUnits || !(event.key in steps)) return;
    const [across, down] = steps[event.key];
    move(state.step + across, state.row + down);
    event.preventDefault();
  });
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const { tall, top, x, y } = place(box.width, box.height);
    const [left, down] = [event.clientX - box.left, event.clientY - box.top];
    const p = Math.floor(down / (tall + HEAD + GAP));
    if (p < state.trace.parts.length) move(Math.floor(left / x), Math.floor((down - top(p)) / y));
  };
  canvas.addEventListener("pointerdown", (event) => state.trace && point(event));
  canvas.addEventListener("pointermove", (event) => state.trace && event.buttons && point(event));
  return { canvas, redraw };
}

// The events along the axis, slanted; where they are too many, only that under the cursor.
function names(context, trace, step, x, top, colors) {
  const every = Math.ceil(14 / x);
  trace.events.forEach((event, i) => {
    if (i !== step && (i % every || Math.abs(i - step) < every)) return;
    context.save();
    context.translate((i + 0.5) * x + 4, top);
    context.rotate(-Math.PI / 3);
    context.textAlign = "right";
    context.fillStyle = i === step ? colors.fg : colors.muted;
    context.fillText(event.length > LONGEST ? `${event.slice(0, LONGEST - 1)}…` : event, 0, 0);
    context.restore();
  });
}

// Every step with the share that is kept and written there: what the maps say on average.
function stepList(state, move) {
  const row = (step) => {
    const { trace } = state;
    const keeps = trace.part(trace.keeps);
    const [place, name] = [figure(trace.first + step, "sq-muted sq-place"), h("bdi", {}, trace.events[step])];
    if (keeps < 0) return [place, h("div", { class: "sq-label" }, name)];
    const kept = trace.mean(keeps, step);
    const bar = h("span", { class: "sq-track" }, h("span", { class: "sq-bar", style: `width:${100 * kept}%` }));
    const writes = trace.part("input");
    const written = writes < 0 ? null : figure(`writes ${Math.round(100 * trace.mean(writes, step))} %`, "sq-muted");
    const below = [figure(`keeps ${Math.round(100 * kept)} %`), written];
    return [place, h("div", { class: "sq-two" }, h("div", { class: "sq-label" }, name), h("div", {}, below)), bar];
  };
  const onmove = (step) => move(step, state.row);
  return listbox({ label: "Steps: how much is kept at each", rows: 7, rowHeight: 42, row, onmove });
}

function render({ model, el }) {
  const frame = mount(el, "Gate inspector", model);
  const state = { trace: null, step: 0, row: 0 };
  const keys = lines(model.get("_keys"));
  const told = h("p", { class: "sq-detail", role: "status" });
  const empty = h("p", { class: "sq-muted" }, "Choose a sequence to see how the network reads it.");
  let waiting = 0;
  const move = (step, row) => {
    const { nSteps, nUnits, order, first } = state.trace;
    [state.step, state.row] = [Math.max(0, Math.min(nSteps - 1, step)), Math.max(0, Math.min(nUnits - 1, row))];
    show();
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      model.set("unit", order[state.row]);
      put(model, "step", first + state.step);
      waiting = 0;
    }, 80);
  };
  const maps = heatMaps(frame, el, state, move);
  const steps = stepList(state, move);
  const search = finder({
    label: "Find a sequence",
    placeholder: "Find a sequence",
    texts: () => keys,
    rows: 7,
    onpick: (i) => put(model, "sequence", i),
  });
  search.element.hidden = keys.length < 2;
  function show() {
    const { trace, step, row } = state;
    const values = trace.parts.map((part, p) => `${part.name} ${number(trace.at(p, row, step))}`).join(", ");
    const memory = trace.keeps ? `, number ${row + 1} of ${trace.nUnits} by how long it remembers` : "";
    told.replaceChildren(
      `Step ${trace.first + step}, `,
      h("bdi", { class: "sq-strong" }, trace.events[step]),
      `; unit ${trace.order[row]}${memory}: ${values}.`,
    );
    if (steps.active !== step) steps.update(trace.nSteps, step);
    maps.redraw();
  }
  const follow = () => {
    const trace = model.get("_trace");
    clearTimeout(waiting);
    waiting = 0; // where the cursor was is of no use in another sequence
    const isThere = "values" in trace;
    state.trace = isThere ? read(trace) : null;
    for (const part of [maps.canvas, told, steps.element]) part.hidden = !isThere;
    empty.hidden = isThere;
    search.update(model.get("sequence"));
    if (!isThere) return;
    maps.canvas.style.height = `${trace.parts.length * 110 + state.trace.foot}px`;
    steps.update(state.trace.nSteps, -1);
    place();
  };
  const place = () => {
    if (!state.trace || waiting) return; // what the page is about to say is newer
    const row = state.trace.order.indexOf(model.get("unit"));
    [state.step, state.row] = [Math.max(0, model.get("step") - state.trace.first), Math.max(0, row)];
    state.step = Math.min(state.step, state.trace.nSteps - 1);
    show();
  };
  frame.add(
    h("h3", {}, "What the network keeps and forgets"),
    h(
      "p",
      { class: "sq-muted" },
      "Across: events in their order. Down: units, those that remember longest first. Click, or focus and use the arrow keys.",
    ),
    empty,
    maps.canvas,
    told,
    h("div", { class: "sq-columns" }, steps.element, search.element),
  );
  frame.on(model, "_trace", follow);
  frame.on(model, "step unit", place);
  follow();
  return () => frame.unmount();
}

export default { render };
