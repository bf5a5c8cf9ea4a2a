import re

import pytest
import uvloop

from bench.collector import cost
from bench.collector.clients._job import Taken


def test_both_clients_take_every_read_and_have_a_cost():
    found = uvloop.run(cost.costs(streams=3, reads=4, repeats=2))
    assert list(found) == ["ours", "bare"]
    for one in found.values():
        assert one.request_us > 0
        assert one.read_us > 0


def test_the_table_sets_one_beside_the_other(capsys):
    assert cost.main(["--streams", "2", "--reads", "3", "--repeats", "1"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^\| ours × bare \| [\d.,]+ \| [\d.,]+ \|$", shown, re.MULTILINE)


def test_reads_that_came_together_are_no_cost_of_a_read():
    with pytest.raises(cost.NotReadError, match=r"4 reads were sent to each stream; taken were \[3, 4\]"):
        cost._check([Taken(0, 0, [1, 2, 3, 4], []), Taken(0, 0, [1, 2, 3], [])], 4)
