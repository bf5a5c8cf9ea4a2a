"""An engine's metrics page is kept as it came, with the moment of each scrape."""

import http.server
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa

from pipeline import trace
from pipeline.collect.engine_metrics import Scrape, scraping
from tests.collect.engines.process_watch import wait_until

PAGE = '# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name="m"} 3.0\n'


@contextmanager
def engine(status: int = 200):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/metrics" else 404)
            self.send_header("content-length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()
        thread.join()


def scrapes(path: Path) -> list[Scrape]:
    return [msgspec.json.decode(line, type=Scrape) for line in path.read_bytes().splitlines()]


def test_the_page_is_kept_as_it_came_from_the_start_to_the_end(tmp_path):
    anchor_ns = time.monotonic_ns()
    with engine() as url:
        with scraping(url, tmp_path / "m", 60.0, anchor_ns):
            wait_until(lambda: (tmp_path / "m").exists() and scrapes(tmp_path / "m"))
            end_ns = time.monotonic_ns() - anchor_ns
        first, last = scrapes(tmp_path / "m")
    assert (first.page, first.error) == (last.page, last.error) == (PAGE, None)
    assert 0 <= first.at_ns < end_ns < last.at_ns


def test_an_engine_that_is_gone_or_refuses_is_told_and_ends_nothing(tmp_path):
    with engine(500) as url, scraping(url, tmp_path / "refused", 60.0, 0):
        pass
    with scraping("http://127.0.0.1:1/metrics", tmp_path / "gone", 60.0, 0):
        pass
    assert {(one.page, one.error) for one in scrapes(tmp_path / "refused")} == {(None, "HTTP 500")}
    assert all(one.page is None and one.error for one in scrapes(tmp_path / "gone"))


def test_an_engine_without_metrics_leaves_no_file(tmp_path):
    with scraping(None, tmp_path / "m", 1.0, 0):
        pass
    assert not (tmp_path / "m").exists()


def test_the_pages_of_a_closed_run_are_compressed_and_vouched_for(tmp_path):
    with engine() as url, scraping(url, tmp_path / trace.SCRAPES, 60.0, 0):
        pass
    files = trace.seal_engine_metrics(tmp_path)
    sealed = tmp_path / trace.ENGINE_METRICS
    kept = len(scrapes(tmp_path / trace.SCRAPES))
    assert files == {sealed.name: trace.File(trace.sha256(sealed), kept)}
    assert pa.input_stream(sealed, compression="zstd").read() == (tmp_path / trace.SCRAPES).read_bytes()
    assert trace.seal_engine_metrics(tmp_path / "none") == {}
