"""What runs on another machine is light: it imports what its small lock pins, nothing of the understanding half."""

import re
import subprocess
import sys

import pytest

from pipeline import plan
from pipeline.collect.remote import code

ROOT = plan.DEFAULT.parent.parent
LOCK = (ROOT / "requirements-collect.lock").read_text()
THERE = ("pipeline.trace", "pipeline.plan", "pipeline.collect.remote.__main__", "pipeline.collect.bundled")
ENGINES = [f"pipeline.collect.engines.{path.stem}" for path in (ROOT / "pipeline/collect/engines").glob("[!_]*.py")]
HEAVY = {
    "dagster",
    "great_expectations",
    "altair",
    "duckdb",
    "openvino",
    "openvino_genai",
    "scipy",
    "jinja2",
    "rich",
}

IMPORT = """
import importlib, sys
allowed = set(sys.argv[1].split(","))
class Gate:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        known = top in allowed or top in sys.stdlib_module_names or top.startswith(("pipeline", "_sysconfigdata"))
        if not known:
            raise ModuleNotFoundError(f"No module named {name!r}, where the collector runs", name=name)
sys.meta_path.insert(0, Gate())
for name in sys.argv[2:]:
    importlib.import_module(name)
print(" ".join({name.partition(".")[0] for name in sys.modules}))
"""

PROVIDES = {
    "dagster-pipes": {"dagster_pipes"}, "nvidia-ml-py": {"pynvml"}, "polars-runtime-32": {"_polars_runtime_32"},
    "typing-extensions": {"typing_extensions"},
}  # fmt: skip


def pins(lock):
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """All that runs there, imported from the very code that is sent, where only the lock's packages exist."""
    folder = tmp_path_factory.mktemp("sent")
    for name, content in code.files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    allowed = set().union(*(PROVIDES.get(name, {name}) for name in pins(LOCK)))
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORT, ",".join(allowed), *THERE, *ENGINES],
        env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_what_runs_elsewhere_needs_nothing_but_what_its_lock_pins(imported):
    assert not imported & HEAVY
    assert set(code.REQUIRES) <= imported


def test_the_small_lock_pins_the_same_versions_as_the_large_one_by_hash_and_names_no_address():
    whole = pins((ROOT / "requirements.lock").read_text())
    assert {name: version for name, version in pins(LOCK).items() if name != "numpy"}.items() <= whole.items()
    assert re.findall(r"^numpy==(\S+)", LOCK, re.MULTILINE) == re.findall(
        r"^numpy==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    assert not HEAVY & set(pins(LOCK))
    assert LOCK.count("--hash=sha256:") > len(pins(LOCK))
    assert "://" not in LOCK
