"""What a bundle is, and what it does where it was carried: `python -m pipeline.collect.bundled`, in its folder."""

import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import msgspec

from pipeline import plan as plans
from pipeline import progress, trace
from pipeline.collect import host, parcel, store
from pipeline.collect import night as nights
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.plan import Name
from pipeline.progress import Step

SCHEMA_VERSION = 1


class BundleError(TokenclockError):
    """A bundle cannot be made or run; the message names the file and the cure."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle holds: `files` by hash. Without wheels it is run by a Python that has the packages."""

    schema_version: int
    recorder: Name
    targets: list[Name]
    python_version: str
    has_wheels: bool
    code_version: str
    code_commit: str | None
    plan_sha256: str
    files: dict[str, str]


def carried_out(path: Path) -> int:
    """Unpack a bundle beside itself, if it is not yet, and collect; returns the exit status."""
    folder = path.with_suffix("")
    try:
        if not (folder / "collect.py").exists():
            with tarfile.open(path) as tar:
                tar.extractall(folder.parent, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise BundleError(f"{path}: cannot be unpacked ({error}); copy it here anew") from error
    if not (folder / "collect.py").exists():
        raise BundleError(f"{path}: holds no folder `{folder.name}` with collect.py; do not rename a bundle")
    return subprocess.run([sys.executable, str(folder / "collect.py")], check=False).returncode


def collect(folder: Path, this: Bundle) -> list[trace.Manifest]:
    """Record what is due tonight."""
    plan = plans.at_home(plans.load(folder / "plan.toml"))
    collection = nights.Collection(plan, Layout(folder / "data", folder / "site"), nights.tonight(), {})
    return nights.collect(collection, this.targets)


def results(folder: Path, recorder: str) -> list[Path]:
    """Pack each night for the way home. A night that went on since is packed anew, with what it had."""
    traces = folder / "data" / "traces"
    written = []
    for night in trace.nights(traces) if traces.exists() else []:
        path = folder / f"result-{recorder}-{night}.tar"
        aside = path.with_name(f".{path.name}.part")
        with aside.open("wb") as file:
            packed = parcel.pack(traces, night, recorder, file)
        if any(name.endswith("manifest.json") for name in packed.files):
            written.append(aside.replace(path))
        else:
            aside.unlink()
    return written


def _shown() -> progress.Listener:
    """A line for each new text."""
    texts: set[str] = set()

    def listen(step: Step) -> None:
        if step.text not in texts:
            texts.add(step.text)
            sys.stderr.write(f"{step.done:>5} of {step.total} {step.phase}  {step.text}\n")

    return listen


def main() -> int:
    """Collect and pack, whatever becomes of the collection; returns the exit status."""
    folder = Path.cwd()
    this = msgspec.json.decode((folder / "bundle.json").read_bytes(), type=Bundle)
    host.set_recorder(this.recorder)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status = 1
    try:
        with progress.listening(_shown()):
            recorded = collect(folder, this)
        for one in recorded:
            sys.stderr.write(f"{one.run_id}  {one.outcome}  {one.requests_recorded} requests  {one.error or ''}\n")
        status = 0 if all(one.outcome == "finished" for one in recorded) else 1
    except TokenclockError as error:
        sys.stderr.write(f"collect.py: {error}\n")
    except KeyboardInterrupt:
        with nights.alone(folder / "data" / "traces", 0):
            store.recover(folder / "data" / "traces")
        sys.stderr.write("collect.py: interrupted; finished requests are kept, and the next time it goes on\n")
        status = 130
    for path in results(folder, this.recorder):
        sys.stdout.write(f"{path}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
