"""A bundle: collector, plan and hash-pinned wheels in one tar, for a machine that has no network and only Python.

Belongs here: packing at home. What runs where it is carried is `_collect` (any Python) and then `bundled`.
"""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from packaging.markers import Marker

from pipeline import __version__, trace
from pipeline.collect import host
from pipeline.collect.bundled import SCHEMA_VERSION, Bundle, BundleError
from pipeline.collect.remote import code
from pipeline.layout import shipped
from pipeline.plan import Name, Plan, PlanError

LOCK = "requirements-collect.lock"
PROGRAM = Path(__file__).with_name("_collect.py")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Wheels:
    """Where the wheels come from: a folder, or the package index, for a Python and any of some platforms."""

    folder: Path | None = None
    python_version: str = HERE
    platforms: tuple[str, ...] = ()
    lock: Path = field(default_factory=lambda: shipped(LOCK))


def write(out: Path, plan: Plan, targets: list[str], wheels: Wheels | None) -> Bundle:
    """Pack a bundle. Its name is that of the recorder whose figures come home."""
    _check(out, plan, targets)
    with tempfile.TemporaryDirectory() as scratch:
        content = {"collect.py": PROGRAM.read_bytes(), "plan.toml": Path(plan.source).read_bytes()}
        content |= {f"code/{name}": data for name, data in code.files()}
        found: dict[str, Path] = {}
        if wheels:
            content["requirements.txt"] = requirements(wheels).encode()
            (pinned := Path(scratch) / "requirements.txt").write_bytes(content["requirements.txt"])
            folder = wheels.folder or _downloaded(wheels, pinned)
            found = {f"wheels/{path.name}": path for path in sorted(folder.glob("*.whl"))}
        this = Bundle(
            schema_version=SCHEMA_VERSION,
            recorder=out.stem,
            targets=targets,
            python_version=wheels.python_version if wheels else HERE,
            has_wheels=wheels is not None,
            code_version=__version__,
            code_commit=host.code_commit(),
            plan_sha256=plan.sha256,
            files={name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
            | _vouched(wheels, found),
        )
        _pack(out, {**content, "bundle.json": msgspec.json.format(msgspec.json.encode(this))}, found)
    return this


def _check(out: Path, plan: Plan, targets: list[str]) -> None:
    try:
        msgspec.convert(out.stem, Name)
    except msgspec.ValidationError:
        raise BundleError(
            f"{out}: the bundle's name becomes the recorder's; use small letters, digits and dashes, like vault.tar"
        ) from None
    for name in targets:
        if name not in plan.targets:
            raise PlanError(f"{plan.source}: no target `{name}`; known: {', '.join(plan.targets)}")
        if plan.targets[name].engine is None:
            raise BundleError(f"target {name} is a provider's, and there is no network where bundles go")
    if not targets:
        raise BundleError(
            f"{plan.source}: no target has an engine, so there is nothing to measure without a network"
        )


def requirements(wheels: Wheels) -> str:
    """The part of the lock that the Python and system of the wheels need: what pip is to install there."""
    version, system = wheels.python_version, "darwin" if "macosx" in "".join(wheels.platforms) else "linux"
    where = {"python_version": version, "python_full_version": f"{version}.0"}
    where |= {"sys_platform": system} if wheels.platforms else {}
    needed = []
    for block in re.split(r"\n(?=\S)", wheels.lock.read_text("utf-8").strip()):
        pin, _, hashes = block.partition("\\\n")
        name, _, marker = pin.partition(";")
        if not marker.strip() or Marker(marker).evaluate(where):
            needed.append(f"{name.strip()} \\\n{hashes}")
    return "\n".join(needed) + "\n"


def _downloaded(wheels: Wheels, pinned: Path) -> Path:
    """Have pip fetch what is pinned, beside it; it checks the hashes."""
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    words += [
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--dest",
        str(pinned.parent),
        "--requirement",
        str(pinned),
    ]
    words += (
        ["--python-version", wheels.python_version] if wheels.python_version != HERE or wheels.platforms else []
    )
    words += [word for platform in wheels.platforms for word in ("--platform", platform)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BundleError(
            f"pip could not fetch the wheels of {wheels.lock.name}:\n{done.stderr.strip()}\nCure: name a platform "
            "and a Python that have them, or give a folder that holds them with --wheels"
        )
    return pinned.parent


def _vouched(wheels: Wheels | None, found: Mapping[str, Path]) -> dict[str, str]:
    """The hashes of the wheels. The lock vouches for each of them, and each package that it pins is there."""
    if wheels is None:
        return {}
    hashes = {name: trace.sha256(path) for name, path in found.items()}
    pinned = {block.split()[0]: set(_HASH.findall(block)) for block in re.split(r"\n(?=\S)", requirements(wheels))}
    for name, sha256 in hashes.items():
        if not any(sha256 in allowed for allowed in pinned.values()):
            raise BundleError(f"{found[name]}: not one of the files that {wheels.lock.name} pins; remove it")
    for package, allowed in pinned.items():
        if not allowed & set(hashes.values()):
            raise BundleError(
                f"{wheels.lock.name} pins {package}, and no wheel of it is there; add it to the folder"
            )
    return hashes


def _pack(out: Path, content: Mapping[str, bytes], wheels: Mapping[str, Path]) -> None:
    """Write the tar aside and put it in place: one folder of the bundle's name."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.part")
    with tarfile.open(aside, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in content.items():
            entry = tarfile.TarInfo(f"{out.stem}/{name}")
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
        for name, path in wheels.items():
            tar.add(path, f"{out.stem}/{name}", recursive=False)
    aside.replace(out)
