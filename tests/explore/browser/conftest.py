import itertools
from contextlib import ExitStack, closing

import pytest

from . import lab as machinery

# Scope "package": Playwright keeps an event loop running in this thread, which the other folders' tests must not meet.


@pytest.fixture(scope="package")
def browser():
    """Chromium without a window."""
    if needs := machinery.missing():
        pytest.skip(f"browser tests need more: {needs}")
    from playwright.sync_api import sync_playwright

    machinery.expect.set_options(timeout=15_000)  # a machine may be busy
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=machinery.chromium(), args=list(machinery.CHROMIUM_FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def lab(browser, tmp_path_factory):
    """One JupyterLab for all tests of this folder."""
    with machinery.serve_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="package")
def names():
    """Names for notebook files, each used once."""
    return (f"notebook-{number}" for number in itertools.count())


@pytest.fixture
def open_notebook(browser, lab, names):
    """A function of a list of cells: the `Notebook`, open in JupyterLab and not yet run."""
    opened = []

    def open_cells(cells):
        opened.append(machinery.Notebook(browser, lab, cells, next(names)))
        return opened[-1]

    yield open_cells
    for notebook in opened:
        notebook.close()


@pytest.fixture
def open_voila(browser, tmp_path):
    """A function of a list of cells: the `Rendered` notebook in Voilà."""
    with ExitStack() as stack:

        def open_cells(cells, theme="light"):
            path = machinery.write_notebook(tmp_path / "notebook.ipynb", cells)
            server = stack.enter_context(machinery.serve_voila(path, theme))
            return stack.enter_context(closing(machinery.Rendered(browser, server)))

        yield open_cells
