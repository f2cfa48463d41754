import { h, svg, mount, nextFrame, drawing, ticks, polyline, number, floats } from "./kit.js";

const HEIGHT = 190;
const EDGE = { left: 46, right: 14, top: 14, bottom: 34 };

// Where epochs and figures lie on a drawing, for all curves on it.
function scales(width, curves, epochs) {
  const values = curves.flatMap((curve) => [...curve].filter(Number.isFinite));
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const spare = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  [low, high] = [low - spare, high + spare];
  const [across, down] = [width - EDGE.left - EDGE.right, HEIGHT - EDGE.top - EDGE.bottom];
  return {
    low,
    high,
    step: across / Math.max(1, epochs - 1),
    x: (epoch) => EDGE.left + (across * (epochs > 1 ? epoch - 1 : 0.5)) / Math.max(1, epochs - 1),
    y: (value) => EDGE.top + (down * (high - value)) / (high - low),
  };
}

const path = (curve, { x, y }, attributes) =>
  polyline(
    Array.from(curve, (value, i) => [x(i + 1), y(value)]),
    attributes,
  );

function axes(width, scale, epochs) {
  const bottom = HEIGHT - EDGE.bottom;
  const line = (attributes) => svg("line", { stroke: "var(--sq-line)", "stroke-width": 1, ...attributes });
  const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
  const [left, right] = [EDGE.left - 8, width - EDGE.right + 6];
  const shown = ticks(1, epochs, Math.min(epochs, Math.floor(width / 60))).filter(Number.isInteger);
  return [
    ...ticks(scale.low, scale.high, 6).flatMap((value) => [
      line({ x1: left, x2: right, y1: scale.y(value), y2: scale.y(value), "stroke-opacity": 0.35 }),
      text(left - 4, scale.y(value) + 4, "end", number(value)),
    ]),
    line({ x1: left, x2: right, y1: bottom, y2: bottom }),
    ...shown.map((epoch) => text(scale.x(epoch), bottom + 15, "middle", epoch)),
    text((left + right) / 2, bottom + 30, "middle", "epoch"),
  ];
}

// The best epoch: a diamond on its figure, and a dashed line down to the axis.
function bestMark(best, value, { x, y }) {
  const middle = `${x(best)} ${y(value)}`;
  return [
    svg("line", {
      x1: x(best),
      x2: x(best),
      y1: EDGE.top,
      y2: HEIGHT - EDGE.bottom,
      stroke: "var(--sq-fg)",
      "stroke-dasharray": "3 4",
    }),
    svg("path", { d: `M${middle}m0-7 6 7-6 7-6-7z`, fill: "var(--sq-bg)", stroke: "var(--sq-fg)", "stroke-width": 2 }),
  ];
}

// Epoch by epoch, what a mouse that rests there is told.
function tips(curve, scale) {
  const wide = Math.max(8, scale.step);
  return [...curve].map((value, i) =>
    svg(
      "rect",
      { x: scale.x(i + 1) - wide / 2, y: 0, width: wide, height: HEIGHT - EDGE.bottom, fill: "transparent" },
      svg("title", {}, `epoch ${i + 1}: ${number(value)}`),
    ),
  );
}

// One figure by epoch. `state()` gives its curve, the earlier ones, how many epochs there may be, and the best.
function panel(frame, title, state) {
  const now = h("span", { class: "sq-figure" });
  const draw = (width) => {
    const { curve, earlier, epochs, best, running } = state();
    const all = [curve, ...earlier];
    if (!all.some((one) => one.some(Number.isFinite)))
      return [
        svg(
          "text",
          { x: 0, y: 16 },
          running ? "The first figure comes after the first epoch." : "No epoch was finished.",
        ),
      ];
    const scale = scales(width, all, epochs);
    const last = curve.findLastIndex(Number.isFinite);
    return [
      ...axes(width, scale, epochs),
      ...earlier.map((one) =>
        path(one, scale, { stroke: "var(--sq-line)", "stroke-width": 1.2, "stroke-opacity": 0.8 }),
      ),
      path(curve, scale, { stroke: "var(--sq-accent)", "stroke-width": 2.5 }),
      ...(best ? bestMark(best, curve[best - 1], scale) : []),
      ...(last >= 0 && last + 1 !== best
        ? [svg("circle", { cx: scale.x(last + 1), cy: scale.y(curve[last]), r: 4, fill: "var(--sq-accent)" })]
        : []),
      ...tips(curve, scale),
    ];
  };
  const picture = drawing(frame, HEIGHT, draw, { role: "img" });
  return {
    element: h("div", {}, h("h4", {}, title, now), picture.element),
    update() {
      const { curve, best } = state();
      const last = curve.findLastIndex(Number.isFinite);
      const words =
        last < 0
          ? ""
          : `${number(curve[last])}${best && best - 1 !== last ? ` (best epoch: ${number(curve[best - 1])})` : ""}`;
      now.textContent = words && `: ${words}`;
      const told = words
        ? `from ${number(curve.find(Number.isFinite))} in epoch 1 to ${words} in epoch ${last + 1}`
        : "no figure yet";
      picture.element.setAttribute("aria-label", `${title} by epoch: ${told}`);
      picture.redraw();
    },
  };
}

function figures(loss, validation, best) {
  const row = (value, i) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, i + 1),
      h("td", { class: "sq-figure" }, number(value)),
      h("td", { class: "sq-figure" }, number(validation[i])),
      h("td", {}, i + 1 === best ? "best" : ""),
    );
  return [...loss].map(row);
}

function render({ model, el }) {
  const frame = mount(el, "Training curves", model);
  const read = () => ({
    loss: floats(model.get("_loss")),
    validation: floats(model.get("_validation")),
    earlier: model.get("_earlier").map((pair) => pair.map(floats)),
    best: model.get("best_epoch"),
    running: model.get("_share") >= 0,
  });
  let state = read();
  const epochs = () =>
    Math.max(model.get("max_epochs"), state.loss.length, ...state.earlier.map(([loss]) => loss.length), 1);
  const part = (name, column) => () => ({
    ...state,
    curve: state[name],
    earlier: state.earlier.map((pair) => pair[column]),
    epochs: epochs(),
  });
  const loss = panel(frame, "Loss, nats an event", part("loss", 0));
  const validation = panel(frame, "Validation score, higher is better", part("validation", 1));
  const status = h("bdi", { class: "sq-label", style: "white-space: normal" });
  const bar = h("progress", { max: 1, "aria-label": "Part of the training that is done" });
  const may = h("p", { class: "sq-muted" }, "You may interrupt the kernel: the best epoch so far is kept.");
  const notes = h("p", { class: "sq-muted" });
  const body = h("tbody");
  const names = ["epoch", "loss", "validation", ""];
  const table = h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        names.map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    body,
  );
  const more = h("details", {}, h("summary", {}, "Figures of each epoch"), table);
  bar.style.cssText = "width: 100%; height: 10px; margin: 2px 0 10px; accent-color: var(--sq-accent)";
  frame.add(
    h("h3", {}, "Training"),
    h("p", {}, status),
    bar,
    may,
    h("div", { class: "sq-columns" }, loss.element, validation.element),
    notes,
    more,
  );

  const tell = () => {
    status.textContent = model.get("status");
    status.classList.toggle("sq-warn", status.textContent.includes("Failed: "));
    const share = model.get("_share");
    bar.hidden = may.hidden = share < 0;
    bar.value = Math.max(0, share);
    if (share < 0 && state.running) {
      frame.say(status.textContent);
      redrawSoon();
    }
    state.running = share >= 0;
  };
  const redraw = () => {
    state = read();
    const judged = [state.validation, ...state.earlier.map(([, curve]) => curve)].some((curve) =>
      curve.some(Number.isFinite),
    );
    validation.element.hidden = !judged;
    const n = state.earlier.length;
    const kept = state.best ? "Diamond: the best epoch, whose weights are kept." : "";
    const grey = n ? `Grey: ${n === 1 ? "the training" : `the ${n} trainings`} before this one, in the same cell.` : "";
    notes.textContent = [kept, grey].join(" ");
    more.hidden = !state.loss.length;
    body.replaceChildren(...figures(state.loss, state.validation, state.best));
    loss.update();
    validation.update();
  };
  const redrawSoon = nextFrame(redraw); // one message changes several traits, each of which is told
  frame.on(model, "status _share", tell);
  frame.on(model, "_loss _validation _earlier best_epoch max_epochs", redrawSoon);
  tell();
  redraw();
  return () => frame.unmount();
}

export default { render };
