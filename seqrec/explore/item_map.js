import {
  button,
  bytes,
  figure,
  finder,
  floats,
  h,
  integers,
  labelled,
  lines,
  listbox,
  mount,
  put,
  select,
  surface,
  svg,
} from "./kit.js";

// Colour and shape tell a group together, since neither alone reaches everyone: seven groups, others, unknown.
const LIGHT = "#1667b0 #b85200 #1b7f46 #8a45c0 #c2273f #00788a #a8327f #5f6873 #7b838c".split(" ");
const DARK = "#7cb8ff #ffab70 #6fd39b #cba6ff #ff8f98 #5fd3e0 #ff9ad5 #a7b0ba #8d96a0".split(" ");
const CIRCLE = "M1 0A1 1 0 0 1-1 0A1 1 0 0 1 1 0Z";
const RING = `${CIRCLE}M.7 0A.7.7 0 0 0-.7 0A.7.7 0 0 0 .7 0Z`;
const SHAPES = [
  CIRCLE,
  "M-.9-.9H.9V.9H-.9Z",
  "M0-1.25L1.2.85H-1.2Z",
  "M0-1.3L1.3 0L0 1.3L-1.3 0Z",
  "M-.4-1.25H.4V-.4H1.25V.4H.4V1.25H-.4V.4H-1.25V-.4H-.4Z",
  "M0 1.25L1.2-.85H-1.2Z",
  "M-1.2-1.1L1.2 1.1V-1.1L-1.2 1.1Z",
  CIRCLE,
  RING,
];
const EDGE = 32; // pixels around the picture, so that no marker needs to be clipped

// How the groups look: ranges of numbers are circles that grow and change from one colour to another.
function looks({ ordered }, el) {
  const dark = el.classList.contains("sq-dark");
  const [low, high] = dark ? ["#5b7fd0", "#ffe08a"] : ["#4a97c4", "#43105e"];
  return (dark ? DARK : LIGHT).map((color, kind) =>
    ordered && kind < 7
      ? { path: CIRCLE, size: 0.7 + kind / 10, color: `color-mix(in oklab, ${high} ${kind / 0.06}%, ${low})` }
      : { path: SHAPES[kind], size: kind === 7 ? 0.6 : 1, color },
  );
}

// A marker as what it does to the pixels around its middle: which it covers, and how it blends with those at its edge.
function sprite({ path, size, color }, radius, stride) {
  const side = 2 * EDGE;
  sprite.pen ??= h("canvas", { width: side, height: side }).getContext("2d", { willReadFrequently: true });
  const pen = sprite.pen;
  pen.clearRect(0, 0, side, side);
  pen.setTransform(radius * size, 0, 0, radius * size, EDGE + 0.5, EDGE + 0.5);
  pen.fillStyle = color;
  pen.fill(new Path2D(path));
  pen.resetTransform();
  const { data } = pen.getImageData(0, 0, side, side);
  const colors = new Uint32Array(data.buffer);
  const marker = { inner: [], edge: [], stays: [], redBlue: [], green: [] };
  colors.forEach((rgba, i) => {
    const share = Math.round((rgba >>> 24) * 1.004);
    const place = (Math.floor(i / side) - EDGE) * stride + (i % side) - EDGE;
    if (share > 250) {
      marker.inner.push(place);
      marker.color = rgba | 0xff000000;
    } else if (share) {
      marker.edge.push(place);
      marker.stays.push(256 - share);
      marker.redBlue.push((rgba & 0xff00ff) * share);
      marker.green.push((rgba & 0xff00) * share);
    }
  });
  return marker;
}

// Stamp the marker of each item's kind, if there is one. Blending red and blue at once, this is fast enough to draw
// 100,000 markers in each frame, which paths are not.
function stamp(pixels, where, kinds, markers) {
  for (let i = 0; i < where.length; i++) {
    const [place, marker] = [where[i], markers[kinds[i]]];
    if (place < 0 || !marker) continue;
    const { inner, edge, stays, redBlue, green, color } = marker;
    for (let k = 0; k < inner.length; k++) pixels[place + inner[k]] = color;
    for (let k = 0; k < edge.length; k++) {
      const old = pixels[place + edge[k]];
      const rb = ((Math.imul(old & 0xff00ff, stays[k]) + redBlue[k]) >>> 8) & 0xff00ff;
      const g = ((Math.imul(old & 0xff00, stays[k]) + green[k]) >>> 8) & 0xff00;
      pixels[place + edge[k]] = 0xff000000 | rb | g;
    }
  }
}

// The map itself. It draws `state` and tells what was clicked, Shift-clicked and lassoed.
function plot(frame, el, state, { name, onpick, ontoggle, onlasso }) {
  const { points, popular, titles } = state;
  const count = points.length / 2;
  const [across, down, where] = [new Float32Array(count), new Float32Array(count), new Int32Array(count)];
  let [x, y, zoom, width, height, hover, drag] = [0, 0, 1, 0, 0, -1, null];

  const scales = () => [(width / 2 - 14) * zoom, (height / 2 - 14) * zoom]; // the map fills its frame
  const radius = () =>
    Math.max(1.4 / Math.sqrt(devicePixelRatio), Math.min(5.5, 0.28 * zoom * Math.sqrt((width * height) / count)));
  const outline = (path) => `M${path.join("L")}Z`;
  const isLit = (kind) => state.lit < 0 || kind === state.lit;
  // Write all markers into an image: dimmed ones first, then the others, then the rings of the selected.
  const paintPoints = (context, { bg, fg }) => {
    const { groups } = state;
    const image = new ImageData(context.canvas.width + 2 * EDGE, context.canvas.height + 2 * EDGE);
    const pixels = new Uint32Array(image.data.buffer).fill(sprite({ path: CIRCLE, size: 1, color: bg }, 4, 0).color);
    const [[right, up], wide, high, stride] = [scales(), width, height, image.width];
    const ratio = context.canvas.width / width;
    for (let i = 0; i < count; i++) {
      const left = wide / 2 + (points[2 * i] - x) * right;
      const top = high / 2 - (points[2 * i + 1] - y) * up;
      across[i] = left;
      down[i] = top;
      const isSeen = left > 0 && top > 0 && left < wide && top < high;
      where[i] = isSeen ? (Math.round(top * ratio) + EDGE) * stride + Math.round(left * ratio) + EDGE : -1;
    }
    const made = (look) => sprite(look, radius() * ratio, stride);
    const dim = (look) => ({ ...look, color: `color-mix(in srgb, ${look.color} 22%, ${bg})` });
    const styles = looks(state.legend, el);
    if (state.lit >= 0)
      stamp(
        pixels,
        where,
        groups,
        styles.map((look) => made(dim(look))),
      );
    stamp(
      pixels,
      where,
      groups,
      styles.map((look, kind) => isLit(kind) && made(look)),
    );
    if (state.selection.length) stamp(pixels, where, state.chosen, [null, made({ path: RING, size: 2, color: fg })]);
    context.putImageData(image, -EDGE, -EDGE);
  };
  const paintFocus = (context, { accent, bg, fg }) => {
    const stroke = (color, thick, path) => {
      for ([context.strokeStyle, context.lineWidth] of [
        [bg, thick + 2],
        [color, thick],
      ])
        context.stroke(path);
    };
    const ring = (color, thick, i) => {
      const path = new Path2D();
      path.arc(across[i], down[i], radius() + 2 * thick, 0, 7);
      stroke(color, thick, path);
    };
    for (const [i] of state.nearest) {
      stroke(accent, 1, new Path2D(`M${across[state.item]} ${down[state.item]}L${across[i]} ${down[i]}`));
      ring(accent, 2, i);
    }
    if (state.item >= 0) ring(fg, 3, state.item);
    if (hover >= 0) ring(fg, 2, hover);
    if (drag?.path) stroke(fg, 1, new Path2D(outline(drag.path)));
    else if (canvas.matches(":focus-visible")) stroke(fg, 1, new Path2D(`M${width / 2 - 8} ${height / 2}h16m-8-8v16`));
  };
  // Write titles beside their points, unless there is another's title already: of items in focus, then of popular ones.
  const paintTitles = (context, { bg, fg }) => {
    const [taken, { font }] = [[], context];
    const write = (i, weight = "") => {
      const text = titles[i].replace(/^(.{47}).{2,}/u, "$1…");
      context.font = weight + font;
      const [top, gap, wide] = [down[i], radius() + 6, context.measureText(text).width];
      const left = across[i] + gap + wide > width ? across[i] - gap - wide : across[i] + gap;
      if (where[i] < 0 || taken.some((box) => left < box[1] && box[0] < left + wide && Math.abs(box[2] - top) < 16))
        return;
      taken.push([left, left + wide, top]);
      context.strokeText(text, left, top);
      context.fillText(text, left, top);
    };
    Object.assign(context, { strokeStyle: bg, fillStyle: fg, lineWidth: 4, textBaseline: "middle", lineJoin: "round" });
    if (state.item >= 0) write(state.item, "bold ");
    if (hover >= 0) write(hover);
    for (let k = 0, tried = 0; state.named && k < count && tried < 60 && taken.length < 12; k++)
      if (where[popular[k]] >= 0 && isLit(state.groups[popular[k]])) write(popular[k], "", tried++);
  };
  const { canvas, redraw } = surface(
    frame,
    el,
    (context, wide, high, colors) => {
      [width, height] = [wide, high];
      for (const paint of [paintPoints, paintFocus, paintTitles]) paint(context, colors);
    },
    {
      role: "application",
      tabindex: 0,
      "aria-label": name,
      style: "height:440px;border:1px solid var(--sq-line);touch-action:pan-y",
    },
  );

  // The nearest item to a place, if its squared distance is less than `least`. Looking at all of them takes less than a millisecond: no index is worth its upkeep.
  const hit = (left = width / 2, top = height / 2, least = Infinity) => {
    let best = -1;
    for (let i = 0; i < count; i++) {
      const squared = (across[i] - left) ** 2 + (down[i] - top) ** 2;
      if (squared < least) [best, least] = [i, squared];
    }
    return best;
  };
  const move = (right, below) => {
    const [across, up] = scales();
    x = Math.max(-1, Math.min(1, x + right / across));
    y = Math.max(-1, Math.min(1, y - below / up));
    redraw();
  };
  const zoomBy = (factor, left = width / 2, top = height / 2) => {
    const growth = Math.max(1, Math.min(400, zoom * factor)) / zoom - 1;
    zoom *= 1 + growth;
    move((left - width / 2) * growth, (top - height / 2) * growth);
  };
  const show = (...view) => {
    [x, y, zoom] = view;
    redraw();
  };
  const keys = {
    ArrowLeft: () => move(-60, 0),
    ArrowRight: () => move(60, 0),
    ArrowUp: () => move(0, -60),
    ArrowDown: () => move(0, 60),
    "+": () => zoomBy(1.5),
    "-": () => zoomBy(1 / 1.5),
    0: () => show(0, 0, 1),
    Enter: () => onpick(hit()),
    " ": () => ontoggle(hit()),
  };
  const leave = () => {
    [drag, hover] = [null, -1];
    redraw();
  };
  const reactions = {
    keydown(event) {
      if (!keys[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    },
    pointerdown({ button: pressed, pointerId, offsetX, offsetY, shiftKey }) {
      if (pressed) return;
      canvas.setPointerCapture(pointerId);
      const last = [offsetX, offsetY];
      drag = { last, way: 0, path: (state.lassos || shiftKey) && [last] };
    },
    pointermove({ offsetX, offsetY }) {
      const before = hover;
      hover = drag ? -1 : hit(offsetX, offsetY, 144);
      if (hover !== before) redraw();
      if (!drag) return;
      const way = [drag.last[0] - offsetX, drag.last[1] - offsetY];
      drag.way += Math.hypot(...way);
      drag.last = [offsetX, offsetY];
      drag.path ? drag.path.push(drag.last) : move(...way);
      redraw();
    },
    pointerup({ offsetX, offsetY, shiftKey }) {
      const [{ path, way }, i] = [drag ?? { way: 9 }, hit(offsetX, offsetY, 144)];
      if (way < 4 && i >= 0) (shiftKey ? ontoggle : onpick)(i);
      else if (path) {
        const [pen, area] = [canvas.getContext("2d"), new Path2D(outline(path))];
        pen.resetTransform();
        onlasso(
          [...where.keys()].filter((i) => where[i] >= 0 && pen.isPointInPath(area, across[i], down[i], "evenodd")),
        );
      }
      leave();
    },
    pointercancel: leave,
    pointerleave: leave,
    blur: redraw,
    wheel(event) {
      if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the notebook
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    },
  };
  for (const [event, react] of Object.entries(reactions)) canvas.addEventListener(event, react);
  const centre = (i) => show(points[2 * i], points[2 * i + 1], Math.max(2, zoom));
  return { canvas, redraw, zoomBy, centre, showAll: keys[0] };
}

export default {
  render({ model, el }) {
    const frame = mount(el, "Item map", model);
    const titles = lines(model.get("_labels"));
    const state = {
      titles,
      points: floats(model.get("_points")),
      popular: integers(model.get("_popular")),
      nearest: [],
      named: true,
    };
    const counted = (items) => items.length.toLocaleString();
    let clicked = false;

    const pick = (i) => {
      put(model, "item", i);
      map.centre(i);
    };
    const keep = (items) => put(model, "selection", items);
    const choose = (more) => keep([...new Set([...state.selection, ...more])]);
    const toggle = (i) => (state.chosen[i] ? keep(state.selection.filter((other) => other !== i)) : choose([i]));
    const row = (i, more) => [
      h("bdi", { class: "sq-label" }, titles[i]),
      state.chosen[i] ? "✓" : null,
      more && figure(more),
    ];
    const onSpace = (event, i) => {
      if (event.key !== " ") return false;
      toggle(i);
      return true;
    };
    const listOf = (label, item, more) =>
      listbox({
        label,
        rows: 5,
        row: (k) => row(item(k), more?.(k)),
        onopen: (k) => pick(item(k)),
        onkey: (event, k) => onSpace(event, item(k)),
      });

    const map = plot(frame, el, state, {
      name: `Map of ${counted(titles)} items: arrows move, + and − zoom, 0 shows all, Enter picks and Space selects the middle one`,
      onpick(i) {
        clicked = true; // the map stays where it is
        put(model, "item", i);
        clicked = false;
      },
      ontoggle: toggle,
      onlasso: choose,
    });
    const find = finder({
      label: "Find an item",
      placeholder: "Title",
      texts: () => titles,
      onpick: pick,
      row,
      onkey: onSpace,
      rows: 5,
    });
    const near = listOf(
      "Nearest items",
      (k) => state.nearest[k][0],
      (k) => state.nearest[k][1].toFixed(2),
    );
    const selected = listOf("Selected items", (k) => state.selection[k]);
    const above = { style: "margin-top:10px" };
    const [title, details, count] = [
      h("h4", above),
      h("p", { class: "sq-muted", style: "overflow-wrap:anywhere" }),
      h("h4", above),
    ];
    const legend = h("div", { class: "sq-line" });
    const color = select("Colour by", model.get("_colors"), "", (chosen) => put(model, "color", chosen));
    const check = (label, key) => {
      const onchange = (event) => {
        state[key] = event.target.checked;
        map.redraw();
      };
      return labelled(label, h("input", { type: "checkbox", checked: state[key], onchange }));
    };
    const chooseNear = button("Select nearest", () => choose([state.item, ...state.nearest.map(([i]) => i)]));
    const chooseGroup = button("Select group", () =>
      choose([...titles.keys()].filter((i) => state.groups[i] === state.lit)),
    );
    const clear = button("Clear", () => keep([]));

    const single = (kind) => {
      state.lit = kind;
      const styles = looks(state.legend, el);
      const at = [...legend.children].indexOf(el.getRootNode().activeElement);
      legend.replaceChildren(
        ...state.legend.entries.map(([label, size, kind]) => {
          const { path, size: scale, color: fill } = styles[kind];
          const icon = svg(
            "svg",
            { viewBox: "-1.4 -1.4 2.8 2.8", width: 15, height: 15, style: "background:var(--sq-bg)" },
            svg("path", { d: path, fill, transform: `scale(${scale})` }),
          );
          const words = [icon, h("bdi", {}, label), figure(`(${size.toLocaleString()})`)];
          const isLit = state.lit === kind;
          return button(words, () => single(isLit ? -1 : kind), { class: "sq-labelled", "aria-pressed": `${isLit}` });
        }),
      );
      legend.children[at]?.focus();
      chooseGroup.disabled = kind < 0;
      map.redraw();
    };
    const readGroups = () => {
      [state.groups, state.legend, color.value] = [
        bytes(model.get("_groups")),
        model.get("_legend"),
        model.get("color"),
      ];
      single(-1);
    };
    const showNear = (at) =>
      near.update(state.nearest.length, at, state.item < 0 ? "Click a point or find an item." : "…");
    const readItem = () => {
      const [focus, item] = [model.get("_focus"), model.get("item")];
      const isKnown = item >= 0 && focus.item === item;
      if (item !== state.item) {
        find.update(item);
        if (item >= 0 && !clicked) map.centre(item);
      }
      [state.item, state.nearest] = [item, isKnown ? focus.nearest : []];
      title.replaceChildren("Nearest to ", h("bdi", {}, titles[item] ?? "…"));
      details.textContent = isKnown ? focus.details : "";
      showNear(0);
      chooseNear.disabled = !isKnown;
      if (isKnown)
        frame.say(
          `${titles[item]}. Nearest: ${state.nearest
            .slice(0, 3)
            .map(([i]) => titles[i])
            .join(", ")}`,
        );
      map.redraw();
    };
    const readSelection = () => {
      state.selection = model.get("selection");
      state.chosen = new Uint8Array(titles.length);
      for (const i of state.selection) state.chosen[i] = 1;
      count.textContent = `Selected: ${counted(state.selection)}`;
      frame.say(count.textContent);
      selected.update(state.selection.length, selected.active, "Shift + drag on the map, or Space in a list.");
      clear.disabled = !state.selection.length;
      showNear(near.active);
      find.repaint();
      map.redraw();
    };

    frame.add(
      h("h3", {}, "Item map"),
      h(
        "p",
        { class: "sq-muted" },
        `${counted(titles)} items; the model takes for alike what lies close together. ${model.get("_axes")}`,
      ),
      h(
        "div",
        { class: "sq-line" },
        labelled("Colour by", color),
        check("Titles", "named"),
        check("Lasso", "lassos"),
        button("+", () => map.zoomBy(1.5), { "aria-label": "Zoom in" }),
        button("−", () => map.zoomBy(1 / 1.5), { "aria-label": "Zoom out" }),
        button("Show all", map.showAll),
      ),
      h(
        "div",
        { style: "display:flex;flex-wrap:wrap;gap:12px" },
        h(
          "div",
          { style: "flex:3 1 360px;min-width:0" },
          map.canvas,
          legend,
          h(
            "p",
            { class: "sq-muted" },
            "Drag to move, Ctrl + wheel to zoom, Shift + drag to select. In lists: Enter shows, Space selects.",
          ),
        ),
        h(
          "div",
          { style: "flex:1 1 260px" },
          find.element,
          title,
          details,
          near.element,
          count,
          selected.element,
          h("div", { class: "sq-line" }, chooseNear, chooseGroup, clear),
        ),
      ),
    );
    readGroups();
    readSelection();
    readItem();
    frame.on(model, "_groups _legend", readGroups);
    frame.on(model, "item _focus", readItem);
    frame.on(model, "selection", readSelection);
    el.addEventListener("sq-theme", () => single(state.lit));
    return () => frame.unmount();
  },
};
