"""A notebook in a real browser: JupyterLab or Voilà as a process of its own, a page on it, and the page's kernel.

Nothing here imports Playwright or Jupyter at the top: where they are missing, tests must skip, not fail to import.
"""

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # every test that could use it skips

PACKAGES = ("playwright", "jupyterlab", "voila", "anywidget", "axe_playwright_python")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOCAL_HOSTS = {"127.0.0.1", "localhost"}
# Without announcements, update checks and autosave, and with every output kept in the page.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
LAB_PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
# Voilà's page would load whatever else is installed beside it, with the errors that this brings.
VOILA_EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget")
VOILA_ICONS = "https://cdn.jsdelivr.net/npm/@fortawesome/"  # linked by Voilà's own template
PANEL = "window.jupyterapp?.shell?.currentWidget"
KERNEL = f"{PANEL}?.sessionContext?.session?.kernel"


def chromium():
    """The path of Chromium, or None."""
    names = (os.environ.get("SEQREC_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


def missing():
    """What to install before a browser test can run; empty if nothing."""
    packages = [package.replace("_", "-") for package in PACKAGES if find_spec(package) is None]
    needs = [f"pip install {' '.join(packages)}"] if packages else []
    if chromium() is None:
        needs.append("install Chromium (apt install chromium), or name it in the environment variable SEQREC_CHROMIUM")
    return "; ".join(needs)


@dataclass(frozen=True)
class Server:
    """A running server: where it answers, the folder that it serves, and its log."""

    url: str
    folder: Path
    log: Path

    def connection_file(self, kernel_id):
        """Return the file that says how to reach a kernel of this server."""
        return next(self.folder.glob(f"runtime/**/kernel-{kernel_id}.json"))


@contextmanager
def serve_lab(folder):
    """A JupyterLab that serves `folder` and reads no settings but its own; gives its `Server`."""
    _write_json(folder / "config/labconfig/default_setting_overrides.json", LAB_SETTINGS)
    _write_json(folder / "config/labconfig/page_config.json", LAB_PAGE)
    options = [
        "--allow-root",
        "--no-browser",
        "--ServerApp.port_retries=0",
        "--ServerApp.terminals_enabled=False",
        "--IdentityProvider.token=",
        "--LabApp.collaborative=False",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    with _serving("jupyterlab", options, folder, "/api/status") as server:
        yield server


@contextmanager
def serve_voila(notebook, theme="light"):
    """A Voilà that serves one notebook file, rendered afresh for each visitor; gives its `Server`."""
    folder = Path(notebook).parent
    runtime = folder / "runtime"
    runtime.mkdir(exist_ok=True)
    options = [
        str(notebook),
        "--no-browser",
        f"--theme={theme}",
        f"--Voila.connection_dir_root={runtime}",
        "--Voila.port_retries=0",
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in VOILA_EXTENSIONS),
    ]
    with _serving("voila", options, folder, "/static/") as server:
        yield server


@contextmanager
def _serving(module, options, folder, ready):
    port = _free_port()
    log = folder / f"{module}.log"
    command = [sys.executable, "-m", module, f"--port={port}", *options]
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(folder / place) for name, place in places.items()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_for_answer(process, port, ready, log)
        yield Server(f"http://127.0.0.1:{port}", folder, log)
    finally:
        _stop(process)


def _free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_answer(process, port, path, log, seconds=60):
    deadline = time.monotonic() + seconds
    while not _answers(port, path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args[2]} did not start in {seconds} seconds:\n{log.read_text()}")
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)


def _answers(port, path):
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        except (OSError, HTTPException):
            return False


def _stop(process):
    # SIGTERM lets the server end its kernels, which are no members of its group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Kernel:
    """A second client of a running kernel, beside the page."""

    def __init__(self, connection_file):
        from jupyter_client.blocking import BlockingKernelClient

        self._client = BlockingKernelClient(connection_file=str(connection_file))
        self._client.load_connection_file()
        self._client.start_channels()

    def execute(self, statements, timeout=30, **expressions):
        """Run Python statements; the named expressions' values come back as JSON text."""
        reply = {"status": "aborted"}  # as a kernel answers what comes right after an error
        while reply["status"] == "aborted":
            reply = self._client.execute(
                statements, store_history=False, user_expressions=expressions, reply=True, timeout=timeout
            )["content"]
        if reply["status"] != "ok":
            raise AssertionError(_plain(reply["traceback"]))
        return {name: _text(value) for name, value in reply["user_expressions"].items()}

    def evaluate(self, expression, timeout=30):
        """Return the value of a Python expression, as JSON carries it (arrays as lists, other objects as text)."""
        default = "lambda value: value.tolist() if hasattr(value, 'tolist') else str(value)"
        value = f"__import__('json').dumps(({expression}), default={default})"
        return json.loads(self.execute("", timeout, value=value)["value"])

    def close(self):
        self._client.stop_channels()


def _text(value):
    if value["status"] != "ok":
        raise AssertionError(_plain(value["traceback"]))
    return ast.literal_eval(value["data"]["text/plain"])


def _plain(traceback):
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback))


class Visit:
    """A page in a browser window of its own, its kernel, and a record of all that the page did.

    Attributes
    ----------
    page : playwright.sync_api.Page
    requests : list of str
        Every address asked for, WebSockets included.
    errors : list of str
        Console errors and uncaught exceptions.
    dialogs : list of str
        Alerts, prompts and confirmations; each was dismissed.
    """

    allowed = ()

    def __init__(self, browser, server):
        self.server = server
        self.requests, self.errors, self.dialogs = [], [], []
        self._kernel = None
        self._context = browser.new_context(viewport={"width": 1280, "height": 900}, service_workers="block")
        self._context.on("request", lambda request: self.requests.append(request.url))
        self._context.on("console", self._record_console)
        self._context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self._context.on("dialog", self._record_dialog)
        self.page = self._context.new_page()
        self.page.on("websocket", lambda websocket: self.requests.append(websocket.url))

    def _record_console(self, message):
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _record_dialog(self, dialog):
        if dialog.type == "beforeunload":
            dialog.accept()
        else:
            self.dialogs.append(f"{dialog.type}: {dialog.message}")
            dialog.dismiss()

    def foreign_requests(self):
        """Return the addresses asked for outside this machine."""
        self._settle()
        return [url for url in self.requests if _is_foreign(url) and not url.startswith(self.allowed)]

    def executed(self):
        """Return what hostile input got to run: the values of `window.__hostile`, and dialogs; empty if nothing."""
        markers = [frame.evaluate("() => window.__hostile ?? null") for frame in self.page.frames]
        return [marker for marker in markers if marker is not None] + self.dialogs

    def violations(self, where):
        """Return axe-core's serious and critical findings inside a selector or locator, as text."""
        self.page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8") + "; null")
        locator = self.page.locator(where) if isinstance(where, str) else where
        found = locator.evaluate("async (root) => (await axe.run(root, {resultTypes: ['violations']})).violations")
        return [
            f"{rule['id']} ({rule['impact']}): {node['html']}\n{node['failureSummary']}"
            for rule in found
            if rule["impact"] in {"serious", "critical"}
            for node in rule["nodes"]
        ]

    def evaluate(self, expression, timeout=30):
        """Return the value of a Python expression in the page's kernel."""
        return self.kernel.evaluate(expression, timeout)

    def execute(self, statements, timeout=30):
        """Run Python statements in the page's kernel."""
        self.kernel.execute(statements, timeout)

    def wait_for(self, expression, value, seconds=10):
        """Wait until a Python expression in the page's kernel has this value; the page's messages take their time."""
        deadline = time.monotonic() + seconds
        while (found := self.evaluate(expression)) != value:
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression} is {found!r} after {seconds} seconds, expected {value!r}")
            self.page.wait_for_timeout(50)

    @property
    def kernel(self):
        """The client of the page's kernel, made at the first use."""
        if self._kernel is None:
            self._kernel = Kernel(self.server.connection_file(self._kernel_id()))
        return self._kernel

    def _settle(self):
        self.page.evaluate("() => null")  # events that the page sent before this answer have been recorded

    def _wait_until(self, condition, seconds, doing):
        from playwright.sync_api import TimeoutError as TooLate

        try:
            self.page.wait_for_function(condition, timeout=1000 * seconds, polling=50)
        except TooLate as error:
            error.add_note(f"while {doing}\nerrors of the page: {self.errors}\nlog:\n{self.server.log.read_text()}")
            raise

    def close(self):
        if self._kernel is not None:
            self._kernel.close()
        self._context.close()


class Notebook(Visit):
    """One notebook in JupyterLab, opened with these cells and a kernel of its own; `run` runs it."""

    def __init__(self, browser, server, cells, name="notebook"):
        super().__init__(browser, server)
        shutil.rmtree(server.folder / "settings", ignore_errors=True)  # the theme that an earlier notebook chose
        path = write_notebook(server.folder / f"{name}.ipynb", cells)
        self.page.goto(f"{server.url}/lab/workspaces/{name}/tree/{path.name}", wait_until="commit")
        self._wait_until(f"() => {KERNEL}?.status === 'idle'", 60, f"opening {path.name}")

    def run(self, seconds=60):
        """Run all cells and wait until the kernel is idle; fail with the traceback of a cell that raised."""
        run_all = "jupyterapp.commands.execute('notebook:run-all-cells')"
        self.page.evaluate(f"() => {{ window.ran = false; {run_all}.finally(() => {{ window.ran = true; }}); }}")
        self._wait_until(f"() => window.ran && {KERNEL}?.status === 'idle'", seconds, "running the cells")
        for index, cell in enumerate(self._cells()):
            for output in cell.get("outputs", []):
                if output["output_type"] == "error":
                    raise AssertionError(f"cell {index} raised:\n{_plain(output['traceback'])}")

    def cell(self, index):
        """Return the locator of a cell."""
        return self.page.locator(".jp-NotebookPanel .jp-Cell").nth(index)

    def output(self, index):
        """Return the locator of a cell's output area."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def sources(self):
        """Return the text of every cell, as the notebook has it now."""
        return [cell["source"] for cell in self._cells()]

    def mode(self):
        """Return the notebook's mode, "command" or "edit"."""
        return self.page.evaluate(f"() => {PANEL}.content.mode")

    def active_cell(self):
        """Return the number of the cell that shortcuts would act on."""
        return self.page.evaluate(f"() => {PANEL}.content.activeCellIndex")

    def change_theme(self, theme):
        """Switch JupyterLab to "JupyterLab Light" or "JupyterLab Dark", and wait until it is drawn."""
        self.page.evaluate("(theme) => { jupyterapp.commands.execute('apputils:change-theme', {theme}); }", theme)
        self._wait_until(f"() => document.body.dataset.jpThemeName === {json.dumps(theme)}", 30, f"changing to {theme}")

    def _cells(self):
        return self.page.evaluate(f"() => {PANEL}.content.model.toJSON().cells")

    def _kernel_id(self):
        return self.page.evaluate(f"() => {KERNEL}.id")

    def close(self):
        with suppress(Exception):  # a page that crashed cannot end its kernel; the server will
            self.page.evaluate(f"() => {PANEL}.sessionContext.shutdown()")
        super().close()


class Rendered(Visit):
    """A notebook as Voilà shows it, run to its end."""

    allowed = (VOILA_ICONS,)

    def __init__(self, browser, server):
        super().__init__(browser, server)
        self._context.route(f"{VOILA_ICONS}**", lambda route: route.fulfill(body="", content_type="text/css"))
        self.page.goto(server.url, wait_until="commit", timeout=60_000)
        self._wait_until("() => document.querySelector('#rendered_cells')?.checkVisibility()", 180, "rendering")

    def _kernel_id(self):
        return json.loads(self.page.locator("#jupyter-config-data").text_content())["kernelId"]


def _is_foreign(url):
    return (urlsplit(url).hostname or "localhost") not in LOCAL_HOSTS


def write_notebook(path, cells):
    """Write a notebook file of code cells; `path` comes back."""
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "cells": [code | {"id": f"cell-{index}", "source": source} for index, source in enumerate(cells)],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return _write_json(path, content)


def _write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
    return path
