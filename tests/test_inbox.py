"""From an air-gapped room to the tables at home: bundle, collect there, carry the result, open it here."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipeline import cli, inbox, plan, trace
from pipeline.collect import bundle
from pipeline.collect.bundled import BundleError
from pipeline.collect.night import tonight
from pipeline.collect.parcel import LIST
from pipeline.definitions import MAILED, defs, postman
from tests.collect.engines.process_watch import is_gone
from tests.collect.remote import fleets

SHORT = {"requests": 2, "warmup": 0}


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    """The result of a bundle that was packed without wheels and run by a bare Python with the packages."""
    home, room = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("room")
    assert (
        cli.main(["bundle", str(home / "vault.tar"), "--no-wheels", "--plan", str(fleets.write(home, **SHORT))])
        == 0
    )
    with tarfile.open(home / "vault.tar") as tar:
        tar.extractall(room, filter="data")
    done = subprocess.run(
        [sys.executable, "-I", room / "vault" / "collect.py"], cwd="/", env={"PATH": "/nowhere", "LANG": "C.UTF-8"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "far, s, round 1" in done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def letter(carried, layout):
    """The result in the inbox, as if it had lain there for a while."""
    (result,) = carried
    return put(layout, f"result-vault-{tonight()}.tar", Path(result).read_bytes())


def put(layout, name, content):
    layout.inbox.mkdir(parents=True, exist_ok=True)
    path = layout.inbox / name
    path.write_bytes(content)
    os.utime(path, (time.time() - 60,) * 2)
    return path


def test_a_result_says_who_recorded_it_and_holds_nothing_but_traces(carried):
    (result,) = carried
    with tarfile.open(result) as tar:
        names = tar.getnames()
        listed = json.loads(tar.extractfile(LIST).read())
    assert (listed["recorder"], listed["night"]) == ("vault", str(tonight()))
    files = [LIST, "engine.r01.log", "manifest.json", "reads.parquet", "requests.parquet"]
    assert sorted(name.rsplit("/", 1)[-1] for name in names) == sorted(files)


def test_ingest_fills_the_tables_from_a_file_anywhere_and_leaves_it_where_it_is(layout, carried, capsys):
    assert cli.main(["ingest", "--json", *carried]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["built"][str(tonight())]["requests"] == 2
    assert Path(carried[0]).exists()
    frame = pl.read_parquet(layout.table("requests", tonight()))
    assert (frame["target"].to_list(), frame["status"].to_list()) == (["far"] * 2, ["length"] * 2)
    (run,) = trace.manifests(layout.traces, tonight())
    assert (run.host["recorder"], run.target.provenance) == ("vault", "simulated")
    assert cli.main(["ingest", "--json", *carried]) == 0
    assert json.loads(capsys.readouterr().out)["built"] == {}


def test_a_letter_in_the_inbox_is_kept_once_it_is_taken(layout, letter):
    (path,) = inbox.waiting(layout, settled=True)
    opened = inbox.open_letter(layout, path)
    assert (opened.path, len(opened.runs)) == (layout.inbox / "taken" / letter.name, 1)
    assert inbox.waiting(layout) == []
    put(layout, letter.name, opened.path.read_bytes())
    again = inbox.open_letter(layout, layout.inbox / letter.name)
    assert (again.runs, again.refused) == ([], None)
    assert len(list((layout.inbox / "taken").iterdir())) == 2


def test_a_letter_that_was_tampered_with_is_put_aside_with_the_reason(layout, letter, capsys):
    whole = letter.read_bytes()
    letter.write_bytes(whole[:-20_000])
    assert cli.main(["ingest"]) == 1
    assert "refused: " in capsys.readouterr().out
    (kept, reason) = sorted((layout.inbox / "refused").iterdir())
    assert kept.read_bytes() == whole[:-20_000]
    assert reason.name == f"{kept.name}.reason.txt"
    assert letter.name in reason.read_text()
    assert trace.nights(layout.traces) == []


def test_what_is_written_to_still_is_left_alone_by_the_sensor_and_what_is_missing_is_told(layout, letter):
    os.utime(letter)
    assert inbox.waiting(layout, settled=True) == []
    assert inbox.waiting(layout) == [letter]
    with pytest.raises(inbox.InboxError, match="no such file"):
        inbox.open_letter(layout, layout.inbox / "nothing.tar")


@pytest.fixture(scope="module")
def repository():
    return defs().get_repository_def()


def tick(repository):
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, repository_def=repository) as context,
    ):
        return postman.evaluate_tick(context)


def test_the_sensor_asks_for_the_night_of_each_letter_once(layout, letter, repository):
    put(layout, "junk.tar", b"junk" * 1000)
    (asked,) = tick(repository).run_requests
    assert asked.partition_key == str(tonight())
    (again,) = tick(repository).run_requests
    assert again.run_key == asked.run_key
    assert {path.name for path in (layout.inbox / "refused").iterdir()} == {"junk.tar", "junk.tar.reason.txt"}
    letter.unlink()
    assert "nothing new lies in" in tick(repository).skip_message


def test_a_letter_of_a_night_before_the_first_stays_where_it_is(layout, letter, repository, monkeypatch):
    monkeypatch.setattr(inbox, "night_of", lambda _path: date(2020, 1, 1))
    assert tick(repository).run_requests == []
    assert letter.exists()


def test_the_job_of_the_sensor_takes_the_letter_in_before_the_tables_are_built(
    layout, letter, monkeypatch, tmp_path
):
    monkeypatch.setenv("TOKENCLOCK_PLAN", str(fleets.write(tmp_path)))
    job = defs().resolve_job_def(MAILED)
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert {"received", "requests", "warehouse", "site"} <= keys
    assert not [key for key in keys if key.startswith("traces/")]
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=str(tonight()),
            asset_selection=[dg.AssetKey("received"), dg.AssetKey("targets")],
        )
    made = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    assert made == ["received", "targets"]
    assert pl.read_parquet(layout.table("targets", tonight())).height == 1


LOCKED = "tiny==1.0 \\\n    --hash=sha256:{}\nother==2.0 ; python_full_version < '3.0' \\\n    --hash=sha256:00\n"


@pytest.fixture
def wheels(tmp_path):
    """A folder with one wheel, and a lock that pins it."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "SIZE = 1")
    lock = tmp_path / "lock"
    lock.write_text(LOCKED.format(trace.sha256(folder / "tiny-1.0-py3-none-any.whl")))
    return bundle.Wheels(folder, lock=lock)


def test_a_bundle_holds_the_wheels_that_its_python_needs_and_no_address(tmp_path, wheels):
    out = tmp_path / "vault.tar"
    made = bundle.write(out, plan.load(fleets.write(tmp_path)), ["far"], wheels)
    with tarfile.open(out) as tar:
        files = {name.removeprefix("vault/"): tar.extractfile(name).read() for name in tar.getnames()}
    assert set(files) == {*made.files, "bundle.json"}
    assert files["wheels/tiny-1.0-py3-none-any.whl"] == (wheels.folder / "tiny-1.0-py3-none-any.whl").read_bytes()
    assert b"tiny==1.0" in files["requirements.txt"]
    assert b"other" not in files["requirements.txt"]
    assert b"http" not in files["requirements.txt"]
    assert b"P_API_KEY" not in files["bundle.json"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda folder: (folder / "tiny-1.0-py3-none-any.whl").write_bytes(b"another"),
            "not one of the files that",
        ),
        (lambda folder: (folder / "tiny-1.0-py3-none-any.whl").unlink(), "pins tiny==1.0, and no wheel"),
    ],
)
def test_a_wheel_that_the_lock_does_not_pin_or_that_is_missing_is_refused(tmp_path, wheels, spoil, said):
    spoil(wheels.folder)
    with pytest.raises(BundleError, match=said):
        bundle.write(tmp_path / "vault.tar", plan.load(fleets.write(tmp_path)), ["far"], wheels)
    assert not (tmp_path / "vault.tar").exists()


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("Vault 1.tar", "far", "becomes the recorder's"),
        ("vault.tar", "t", "no network"),
        ("vault.tar", "x", "no target"),
    ],
)
def test_a_bundle_that_could_not_be_used_is_not_made(tmp_path, name, target, said):
    with pytest.raises((BundleError, plan.PlanError), match=said):
        bundle.write(tmp_path / name, plan.load(fleets.write(tmp_path)), [target], None)


def test_a_bundle_that_was_changed_on_the_way_does_not_run(tmp_path, capfd):
    out = tmp_path / "vault.tar"
    bundle.write(out, plan.load(fleets.write(tmp_path)), ["far"], None)
    with tarfile.open(out) as tar:
        tar.extractall(tmp_path, filter="data")
    (tmp_path / "vault" / "plan.toml").write_text("changed")
    assert cli.main(["collect", "--bundle", str(out)]) == 1
    assert "not the file that was packed" in capfd.readouterr().err
    (tmp_path / "broken.tar").write_bytes(out.read_bytes()[:2000])
    assert cli.main(["collect", "--bundle", str(tmp_path / "broken.tar")]) == 1
    assert "copy it here anew" in capfd.readouterr().err


def test_wheels_for_another_python_are_told_before_anything_is_installed(tmp_path, wheels):
    out = tmp_path / "vault.tar"
    bundle.write(
        out, plan.load(fleets.write(tmp_path)), ["far"], bundle.Wheels(wheels.folder, "3.10", (), wheels.lock)
    )
    with tarfile.open(out) as tar:
        tar.extractall(tmp_path, filter="data")
    program = [sys.executable, tmp_path / "vault" / "collect.py"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the wheels are for 3.10: run python3.10 collect.py" in done.stderr


def test_an_environment_is_made_from_the_wheels_even_where_python_comes_without_pip(tmp_path, wheels):
    out = tmp_path / "vault.tar"
    bundle.write(out, plan.load(fleets.write(tmp_path)), ["far"], wheels)
    with tarfile.open(out) as tar:
        tar.extractall(tmp_path, filter="data")
    make = f"""
import importlib.util, runpy
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "ensurepip" else find(name, *more)
collect = runpy.run_path({str(tmp_path / "vault" / "collect.py")!r})
print(collect["environment"](collect["checked"]()["python_version"]))
"""
    made = subprocess.run(
        [sys.executable, "-I", "-c", make], capture_output=True, text=True, check=True
    ).stdout.strip()
    look = [made, "-I", "-c", "import tiny, sys; print(tiny.SIZE, sys.prefix)"]
    said = subprocess.run(look, capture_output=True, text=True, check=True).stdout.split()
    assert said == ["1", str(tmp_path / "vault" / ".venv")]


def test_a_collection_in_the_room_that_is_interrupted_leaves_a_result_all_the_same(layout, tmp_path):
    path = fleets.write(tmp_path, requests=500, warmup=0, ttft_ms=20)
    bundle.write(tmp_path / "vault.tar", plan.load(path), ["far"], None)
    with tarfile.open(tmp_path / "vault.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    program = [sys.executable, "-I", tmp_path / "vault" / "collect.py"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        collector, engine = fleets.under_way(tmp_path / "vault" / "data" / "traces")
        process.send_signal(signal.SIGINT)
        result, said = process.communicate()
    assert (collector, process.returncode) == (process.pid, 130)
    assert "interrupted; finished requests are kept" in said
    assert is_gone(engine)
    assert len(inbox.open_letter(layout, Path(result.strip())).runs) == 1
    (one,) = trace.manifests(layout.traces, tonight())
    assert one.outcome == "interrupted"
    assert one.requests_recorded >= 3
