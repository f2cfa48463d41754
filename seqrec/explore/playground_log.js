import { lines, listbox, spans, twoLines } from "./kit.js";
import { playground, tinted } from "./playground.js";

// Events as rows of a log: what, and below it when and with which values.
function rows(label, onpick, { titles }) {
  let [run, notes] = [{}, []];
  const list = listbox({
    label,
    rowHeight: 38,
    row: (i) => [twoLines(titles[run.codes[i]], spans(notes[i])), tinted(run.nats[i])],
    onmove: onpick,
  });
  return {
    element: list.element,
    choose: () => {},
    fill(told) {
      run = told;
      notes = lines(told.notes);
      list.update(run.codes.length, -1, "It ends at once.");
    },
  };
}

export default { render: (context) => playground(context, rows) };
