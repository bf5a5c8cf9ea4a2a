"""What docs/hosts.md shows can be used as it stands."""

import re

import pytest

from pipeline import cli, plan
from pipeline.plan import Ssh, Subprocess

ROOT = plan.DEFAULT.parent.parent
DOC = (ROOT / "docs" / "hosts.md").read_text()


def test_the_plan_of_the_document_can_be_read(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", DOC, re.DOTALL)
    for path, content in (("plain", text), ("with options", text.replace("\n# ", "\n"))):
        (tmp_path / path).write_text(content)
        this = plan.load(tmp_path / path)
        assert isinstance(this.hosts["gpu1"], Ssh)
        assert isinstance(this.hosts["aside"], Subprocess)
        assert this.targets["h100-llama-3-1-8b-vllm"].host == "gpu1"
    assert this.hosts["gpu1"].options == ["-p", "2222"]


@pytest.mark.parametrize("command", ["bundle", "ingest", "collect"])
def test_every_option_of_the_document_exists(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    for line in re.findall(rf"tokenclock {command} [^\n`]*", DOC):
        assert set(re.findall(r"(?<=\s)--[a-z-]+", line)) <= known, line
