import { historyEditor, lines, listbox, spans, twoLines } from "./kit.js";
import { playground, tints } from "./playground.js";

// Events as rows of a log: what, and below it when and with which values.
function rows(label, onmove, { titles, tinted }) {
  let [run, notes] = [{}, []];
  const row = (i) => [twoLines(titles[run.codes[i]], spans(notes[i])), tinted(run.nats[i])];
  const list = listbox({ label, rowHeight: 38, row, onmove });
  return {
    element: list.element,
    choose: (i) => ` · ${notes[i]}`,
    fill(told) {
      [run, notes] = [told, lines(told.notes)];
      list.update(run.codes.length, -1, "It ends at once.");
    },
  };
}

function beginning({ picker, tinted }) {
  let nats = [];
  const empty = "No event yet: choose one of what could come next.";
  const editor = historyEditor(picker, { extra: (i) => [tinted(nats[i])], empty });
  return {
    elements: editor.elements,
    read(shown, surprisal) {
      nats = surprisal;
      editor.read(shown);
      editor.draw();
    },
  };
}

export default { render: (context) => playground(context, { view: rows, beginning, legend: tints }) };
