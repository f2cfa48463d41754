import { h } from "./kit.js";
import { level, playground, TINTS } from "./playground.js";

// Events as the text that they are. `lead` stands before them; `choose(i)` marks an event, `onpick(i)` takes one.
function reading(label, onpick, { model }) {
  const { pieces } = model.get("_form");
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
    const text = pieces[code] ?? "�";
    const tint = level(nats);
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
      spans[i].scrollIntoView({ block: "nearest" });
    },
    fill({ codes, nats, lead }) {
      at = -1;
      spans = Array.from(codes, (code, i) => span(code, i, nats[i]));
      element.replaceChildren(lead ? h("span", { class: "sq-muted" }, lead) : "", ...spans);
    },
  };
}

export default { render: (context) => playground(context, reading, { isRead: true, isTyped: true }) };
