"""What a widget says when its kernel has ended, and what is left of it when the page is opened again."""

import pytest

from .lab import KERNEL, PANEL, expect
from .test_looks import DATA, WIDGETS

pytestmark = pytest.mark.slow

ENDED = "The kernel has ended: run the cell again."
ENDINGS = {
    "shut down": f"{PANEL}.sessionContext.shutdown()",
    "restarted": f"{PANEL}.sessionContext.session.kernel.restart()",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_widget_says_that_its_kernel_has_ended_and_a_table_stays(open_notebook, ending):
    notebook = open_notebook([DATA, *WIDGETS.values()])
    notebook.run(seconds=180)
    outputs = [notebook.output(cell) for cell in range(1, 1 + len(WIDGETS))]
    for output in outputs:
        expect(output.locator(".seqrec")).to_be_visible()
        expect(output.locator(".seqrec-still")).to_be_hidden()
        expect(output.get_by_text(ENDED)).to_have_count(0)

    notebook.page.evaluate(f"() => {{ {ENDINGS[ending]}; }}")

    for output in outputs:
        expect(output.get_by_role("alert")).to_have_text(ENDED)
        assert all(one.is_disabled() for one in output.locator(".seqrec").locator("button, input, select").all())
    notebook.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    notebook.page.reload()
    notebook.page.wait_for_function(f"() => {KERNEL}?.status === 'idle'", timeout=60_000)
    for output in outputs:
        expect(output.locator(".seqrec-still table").first).to_be_visible()
