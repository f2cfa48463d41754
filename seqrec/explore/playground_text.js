import { h } from "./kit.js";
import { begun, playground, TINTS, tints } from "./playground.js";

// Events as the text that they are, tinted by their surprisal.
function reading(label, onpick, { model, level }) {
  const { pieces } = model.get("_medium");
  const role = { role: "textbox", "aria-readonly": "true", "aria-multiline": "true", tabindex: 0, "aria-label": label };
  const element = h("div", { class: "sq-reading", ...role });
  let [spans, at] = [[], -1];
  element.addEventListener("click", ({ target }) => target.place >= 0 && onpick(target.place));
  element.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 20, ArrowUp: -20, Home: -1e9, End: 1e9 };
    if (!(event.key in steps) || !spans.length) return;
    onpick(Math.max(0, Math.min(spans.length - 1, at + steps[event.key])));
    event.preventDefault();
  });
  const span = (code, i, nats) => {
    const [text, tint] = [pieces[code] ?? "�", level(nats)];
    const made = h("span", { class: TINTS[tint] }, tint && text === "\n" ? "⏎\n" : text);
    made.place = i;
    return made;
  };
  return {
    element,
    choose(i) {
      spans[at]?.classList.remove("sq-here");
      at = i;
      spans[i].classList.add("sq-here");
      const [top, bottom] = [spans[i].offsetTop, spans[i].offsetTop + spans[i].offsetHeight - element.clientHeight];
      element.scrollTop = Math.min(top, Math.max(element.scrollTop, bottom));
    },
    fill({ codes, nats, lead }) {
      at = -1;
      spans = Array.from(codes, (code, i) => span(code, i, nats[i]));
      element.replaceChildren(lead ? h("span", { class: "sq-muted" }, lead) : "", ...spans);
      if (!lead && !spans.length) element.textContent = "Nothing.";
    },
  };
}

// A field in which the beginning is typed. Python says what it could not take; until that is put right, it stays there.
function beginning(context) {
  const { frame, model, picker } = context;
  let timer = 0;
  const wrong = h("p", { class: "sq-warn", role: "status" });
  const typed = h("textarea", { rows: 3, "aria-label": "Type a beginning", placeholder: "Type a beginning" });
  typed.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => picker.order("type", { text: typed.value }), 250);
  });
  frame.on(model, "_problem", () => {
    const [name, text] = model.get("_problem");
    wrong.textContent = name === "beginning" ? text : "";
  });
  frame.stop(() => clearTimeout(timer));
  const shows = begun(reading, context, [typed, wrong]);
  return {
    elements: shows.elements,
    read(shown, nats) {
      if (!typed.matches(":focus")) typed.value = shown.text;
      shows.read(shown, nats);
    },
  };
}

export default { render: (context) => playground(context, { view: reading, beginning, legend: tints }) };
