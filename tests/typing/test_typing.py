"""What a user's own type checker and editor know of the package."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import seqrec
from seqrec import explore

PACKAGE = Path(seqrec.__file__).parent
EXAMPLE = Path(__file__).with_name("example.py")
README = Path(__file__).parents[2] / "README.md"


def exported(stub):
    """Names that a stub gives its readers, each with where it comes from."""
    imports = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    return {alias.asname: f"{node.module}.{alias.name}" for node in imports for alias in node.names}


def found(package):
    """Names that a package finds when they are first used, each with where it comes from."""
    names = {name: f"{package.__name__}.{module}.{name}" for name, module in package._MODULE_OF.items()}
    modules = getattr(package, "_SUBMODULES", {})
    return names | {name: f"{package.__name__}.{module}" for name, module in modules.items()}


@pytest.mark.parametrize("package", [seqrec, explore], ids=lambda package: package.__name__)
def test_every_public_name_has_the_type_of_what_is_found(package):
    stub = Path(package.__file__).with_suffix(".pyi")
    assert exported(stub) == found(package)
    assert set(package.__all__) - exported(stub).keys() <= {"__version__"}
    assert (PACKAGE / "py.typed").exists()


def test_the_example_is_what_readme_shows():
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    values = [line.split(" = ")[-1] for line in lines if line and not line.startswith("from ")]
    assert len(values) > 8
    assert [value for value in values if value not in EXAMPLE.read_text()] == []


@pytest.mark.slow  # mypy reads the whole package, and pandas
def test_a_users_type_checker_passes_the_example(tmp_path):
    pytest.importorskip("mypy")
    shutil.copytree(PACKAGE, tmp_path / "seqrec")  # the package that is tested here, wherever it lies
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--follow-imports=silent", EXAMPLE]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
