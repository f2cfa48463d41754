import {
  atRest,
  bytes,
  button,
  copied,
  doubles,
  drawing,
  figure,
  finder,
  formatter,
  h,
  hint,
  integers,
  labelled,
  line,
  lines,
  mount,
  nextFrame,
  polyline,
  put,
  spans,
  stencil,
  surface,
  svg,
  ticks,
  twoLines,
} from "./kit.js";

const [LEFT, RIGHT, HEIGHT, FOOT] = [56, 8, 96, 18]; // pixels of the lines
const [INK, BOLD, WARN, PALE] = ["fg", "accent", "warn", "line"].map((name) => `var(--sq-${name})`);
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");

const text = (x, y, anchor, words) => svg("text", { x, y, "text-anchor": anchor }, words);
const rule = (x1, x2, y1, y2, stroke, more) => svg("line", { x1, x2, y1, y2, stroke, ...more });

// An image as a canvas: grey, or red, green and blue.
function pixels(values, { width, height, channels }) {
  const canvas = h("canvas", { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = values[channels * i + (channels === 3 ? k : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// One of the images side by side. `paint(context, put)` draws it, or gives the words that stand there instead.
function panel(frame, el, state, title, paint) {
  const caption = h("div", { class: "sq-muted" }, title);
  const { canvas, redraw } = surface(frame, el, (context, width, height, colors) => {
    context.imageSmoothingEnabled = false;
    const words = paint(
      colors,
      (image) => context.drawImage(image, 0, 0, width, height),
      context,
      width / state.shown.width,
    );
    context.strokeStyle = colors.line;
    context.strokeRect(0.5, 0.5, width - 1, height - 1);
    canvas.setAttribute("aria-label", `${title}, image ${state.image}${words ? `: ${words}` : ""}`);
    if (!words) return;
    Object.assign(context, { fillStyle: colors.muted, textAlign: "center" });
    context.fillText(words, width / 2, height / 2, width - 8);
  });
  canvas.style.imageRendering = "pixelated";
  const element = h("div", { style: "flex:1 1 150px;max-width:340px;min-width:0" }, caption, canvas);
  return { element, canvas, caption, redraw };
}

// Lines over images from `start` to `stop`; a click gives the image.
function lineChart(frame, name, describe, onpick) {
  let at = () => 0;
  const draw = (width) => {
    const { start, stop, rows, here, origin, shade, unit } = describe();
    const all = rows.flatMap(({ points }) => points.map(([, y]) => y)).filter(Number.isFinite);
    let [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    const spare = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
    [low, high] = [low - spare, high + spare];
    const say = formatter(high - low);
    const wide = (width - LEFT - RIGHT) / Math.max(1, stop - start);
    const x = (i) => LEFT + (i - start + 0.5) * wide;
    const y = (value) => HEIGHT - FOOT - ((value - low) / (high - low)) * (HEIGHT - FOOT - 4);
    at = (event) => {
      const far = (event.clientX - chart.element.getBoundingClientRect().left - LEFT) / wide;
      return Math.max(start, Math.min(stop - 1, start + Math.floor(far)));
    };
    const box = ([from, to]) => {
      const [left, right] = [x(from - 0.5), x(Math.min(to, stop) - 0.5)];
      const size = { width: Math.max(2, right - left), height: HEIGHT - FOOT };
      return svg("rect", { x: left, y: 0, ...size, fill: "var(--sq-soft)" });
    };
    const whole = (value) => Number.isInteger(value);
    return [
      shade ? box(shade) : "",
      ...ticks(low, high, 4).flatMap((value) => [
        rule(LEFT, width - RIGHT, y(value), y(value), PALE, { "stroke-opacity": 0.3 }),
        text(LEFT - 5, y(value) + 4, "end", say(value)),
      ]),
      ...ticks(start, stop - 1, Math.max(2, width / 80))
        .filter(whole)
        .map((value) => text(x(value), HEIGHT - 4, "middle", value)),
      ...rows.map(({ points, ...look }) =>
        polyline(
          points.map(([i, value]) => [x(i), y(value)]),
          { "stroke-width": 2, ...look },
        ),
      ),
      all.length ? "" : text(width / 2, HEIGHT / 2, "middle", unit),
      origin === undefined ? "" : rule(x(origin - 0.5), x(origin - 0.5), 0, HEIGHT - FOOT, BOLD, { "stroke-width": 2 }),
      here >= start && here < stop ? rule(x(here), x(here), 0, HEIGHT - FOOT, INK, { "stroke-dasharray": "3 2" }) : "",
    ];
  };
  const look = { role: "img", "aria-label": name, style: "cursor:pointer;touch-action:pan-y" };
  const chart = drawing(frame, HEIGHT, draw, look);
  chart.element.addEventListener("pointerdown", (event) => {
    chart.element.setPointerCapture(event.pointerId);
    onpick(at(event));
  });
  chart.element.addEventListener("pointermove", (event) => event.buttons && onpick(at(event)));
  return chart;
}

// All films; the oddest first, once all are judged.
function filmList(model) {
  const lengths = integers(model.get("_lengths"));
  const names = Array.from(lengths, (_, i) => `film ${i}`);
  let [judged, scores] = [{}, []];
  const status = h("span", { class: "sq-muted", role: "status" });
  const images = (n) => `${n.toLocaleString()} image${n === 1 ? "" : "s"}`;
  const found = finder({
    label: "Find a film",
    placeholder: "Search by number",
    texts: () => names,
    row: (i) => [twoLines(names[i], figure(images(lengths[i])), spans(scores[i]))],
    onpick: (i) => put(model, "film", i),
    rows: 9,
    rowHeight: 38,
    order: () => judged.order,
  });
  return {
    elements: [found.element, status],
    follow() {
      const told = model.get("_judged");
      judged = { ...told, order: integers(told.order) };
      scores = lines(told.scores);
      status.textContent = told.done ? "The oddest first." : `Judging ${told.n} of ${names.length} …`;
      found.update(model.get("film"));
      if (!told.done) model.send({ do: "judge" });
    },
  };
}

function render({ model, el }) {
  const frame = mount(el, "Film explorer", model);
  const state = { image: 0 };
  const waiting = atRest(frame, (version) => model.send({ do: "run", version }));
  const list = filmList(model);
  let timer = 0;
  const show = (image) => {
    if (image !== model.get("image")) put(model, "image", image);
  };
  const [low, high] = model.get("_scale");
  const oddness = (i, color) => {
    const { width, height } = state.shown;
    const tint = model.get("tint");
    const part = state.told.nats.subarray(i * width * height, (i + 1) * width * height);
    const value = (byte) => low + (byte / 255) * (high - low);
    const strength = (byte) => (byte && value(byte) >= tint ? 110 + (110 * byte) / 255 : 0);
    return stencil(Uint8Array.from(part, strength), width, color);
  };
  const images = (all, i) => {
    const size = state.shown.width * state.shown.height * state.shown.channels;
    return pixels(all.subarray(i * size, (i + 1) * size), state.shown);
  };
  const came = panel(frame, el, state, "What came", (colors, lay, context, scale) => {
    const { shown, told, image } = state;
    const i = image - shown.start;
    if (image >= shown.n) return "not come yet";
    lay(images(shown.came, i));
    if (!told) return;
    lay(oddness(i, colors.warn));
    const [row, column, most] = told.places[i];
    if (!(most >= model.get("tint"))) return;
    const room = Math.max(10, 3 * scale);
    Object.assign(context, { strokeStyle: colors.warn, lineWidth: 2 });
    context.strokeRect((column + 0.5) * scale - room, (row + 0.5) * scale - room, 2 * room, 2 * room);
  });
  const told = panel(frame, el, state, "Forecast", (_, lay) => {
    const { shown, told, image } = state;
    if (image < shown.origin) return "known at the origin";
    if (!told) return "…";
    lay(images(told.forecast, image - shown.origin));
  });
  const between = panel(frame, el, state, "Difference", (colors, lay) => {
    const { shown, told, image } = state;
    if (image < shown.origin) return "known at the origin";
    if (image >= shown.n) return "not come yet";
    if (!told) return "…";
    const size = shown.width * shown.height;
    const i = image - shown.origin;
    const all = told.differences.subarray(i * size, (i + 1) * size);
    const side = (sign, color) =>
      stencil(
        Uint8Array.from(all, (one) => 2 * Math.max(0, sign * one)),
        shown.width,
        color,
      );
    lay(side(1, colors.accent));
    lay(side(-1, colors.warn));
  });
  const panels = [came, told, between];
  const surprise = lineChart(
    frame,
    "Mean surprisal of each image; a click shows it",
    () => {
      const { shown, odd, image } = state;
      const shade = [shown.origin, shown.stop];
      const rows = [{ points: odd, stroke: WARN }];
      const unit = shown.n > 1 ? "Judging …" : "A single image cannot surprise.";
      return { start: 0, stop: Math.max(shown.n, image + 1), rows, here: image, origin: shown.origin, shade, unit };
    },
    show,
  );
  const errors = lineChart(
    frame,
    "Squared error of each image ahead; a click shows it",
    () => {
      const { shown, told, image } = state;
      const points = (k) => Array.from(told?.errors[k] ?? [], (value, i) => [shown.origin + i, value]);
      const rows = [
        { points: points(1), stroke: INK, "stroke-dasharray": "5 4" },
        { points: points(0), stroke: BOLD },
      ];
      const unit = told ? "Nothing of this has come yet." : "…";
      return { start: shown.origin, stop: shown.stop, rows, here: image, unit };
    },
    show,
  );
  const range = (label, name, more) => {
    const input = () => (name === "image" ? show(+slider.value) : put(model, name, +slider.value));
    const slider = h("input", { type: "range", "aria-label": label, oninput: input, ...more });
    slider.style.cssText = "flex:1;min-width:120px";
    return slider;
  };
  const slider = range("Image", "image");
  const origin = range("Origin", "origin", { min: 1 });
  const tint = range("Tint from", "tint", { min: low, max: high, step: (high - low) / 100 });
  const [where, known, tinted] = [figure(""), figure(""), figure("")];
  const ahead = h("input", {
    type: "number",
    min: 1,
    max: 200,
    required: true,
    "aria-label": "Images ahead",
    onchange: () => ahead.reportValidity() && put(model, "horizon", +ahead.value),
  });
  const here = button("Forecast from here", () =>
    put(model, "origin", Math.max(1, Math.min(state.shown.n, state.image))),
  );
  const [who, note, detail] = [h("h3"), hint(), h("p", { class: "sq-detail", role: "status" })];
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    toggle.textContent = "▶ Play";
  };
  const next = () => (state.image < state.shown.stop - 1 ? show(state.image + 1) : stop());
  // Where a person wants little motion, an image a second.
  const play = () => {
    if (state.image >= state.shown.stop - 1) show(state.shown.start);
    timer = setInterval(next, REDUCED.matches ? 1000 : 150);
    toggle.textContent = "■ Stop";
  };
  const toggle = button("▶ Play", () => (timer ? stop() : play()));
  frame.stop(stop);

  function readShown() {
    const given = model.get("_shown");
    if (state.shown?.version === given.version) return;
    if (state.shown?.film !== given.film) stop();
    state.shown = { ...given, came: bytes(given.came) };
    const { film, n, start, origin: at, height, width } = given;
    who.textContent = `Film ${film}: ${n.toLocaleString()} image${n === 1 ? "" : "s"}`;
    note.textContent = given.note;
    for (const { canvas } of panels) canvas.style.aspectRatio = `${width} / ${height}`;
    Object.assign(slider, { min: start, max: given.stop - 1 });
    origin.max = n;
    origin.value = at;
    known.textContent = `${at} of ${n} known`;
    origin.setAttribute("aria-valuetext", known.textContent);
    ahead.value = model.get("horizon");
  }
  function readAnswer() {
    const answer = model.get("_told");
    const { shown } = state;
    if (state.told?.version === shown.version) return;
    state.told = null;
    if (!waiting.isHere(answer, shown)) return;
    state.told = {
      ...answer,
      forecast: bytes(answer.forecast),
      differences: new Int8Array(copied(answer.differences)),
      nats: bytes(answer.nats),
      texts: lines(answer.texts),
      errors: answer.errors.map(doubles),
    };
  }
  function follow() {
    readShown();
    readAnswer();
    const { shown, told: answer } = state;
    const { every, y } = model.get("_line");
    state.odd = Array.from(doubles(y), (value, i) => [(i + 0.5) * every - 0.5, value]);
    state.image = Math.max(shown.start, Math.min(shown.stop - 1, model.get("image")));
    slider.value = state.image;
    const step = state.image - shown.origin + 1;
    where.textContent = `image ${state.image}, ${step > 0 ? `${step} ahead` : "known"}`;
    slider.setAttribute("aria-valuetext", where.textContent);
    told.caption.textContent = step > 0 ? `Forecast, ${step} ahead` : "Forecast";
    detail.textContent = answer?.texts[state.image - shown.start] ?? (answer ? "This image has not come yet." : "");
    tint.value = model.get("tint");
    tinted.textContent = `${formatter(high - low)(model.get("tint"))} nats`;
    here.disabled = state.image === shown.origin || state.image < 1;
    draw();
  }
  const draw = nextFrame(() => {
    for (const one of panels) one.redraw();
    surprise.redraw();
    errors.redraw();
  });

  const part = (grow, nodes) => h("div", { style: `flex:${grow} 1 290px;min-width:0` }, nodes);
  const key = (mark, color, said) => h("span", {}, h("b", { style: `color:${color}` }, mark), ` ${said}`);
  frame.add(
    h(
      "div",
      { style: "display:flex;flex-wrap:wrap;align-items:flex-start;gap:12px" },
      part(1, [h("h3", {}, "Films"), ...list.elements]),
      part(3, [
        who,
        line(...panels.map(({ element }) => element)),
        line(toggle, slider, where, here),
        line(
          key("■", WARN, "odd; the oddest is framed"),
          key("■", BOLD, "more came than forecast"),
          key("■", WARN, "less came"),
        ),
        line(labelled("Tint from", tint), tinted, waiting.status),
        detail,
        note,
        h("h4", {}, "Surprisal of each image"),
        surprise.element,
        line(labelled("Origin", origin), known, labelled("Images ahead", ahead)),
        h("h4", {}, "Squared error ahead"),
        errors.element,
        line(key("━", BOLD, "forecast"), key("╍", INK, "the last image again")),
      ]),
    ),
  );
  frame.on(model, "_shown _told _line image tint horizon", follow);
  frame.on(model, "_judged film", list.follow);
  follow();
  list.follow();
  return () => frame.unmount();
}

export default { render };
