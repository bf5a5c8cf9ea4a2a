"""Starts the truth server, says where it is, and ends with its parent."""

import argparse
import json
import os
import socket
import ssl
import sys

import msgspec

from pipeline.collect.truth import scripts
from pipeline.collect.truth.answers import Answers
from pipeline.collect.truth.server import Server

BACKLOG = 1024
DEFAULT = '{"kind":"constant","tokens":50,"tok_s":200}'


def arguments() -> argparse.Namespace:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.collect.truth", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="PEM files; speak TLS with them")
    parser.add_argument(
        "--script", default='{"kind":"constant","tokens":50,"tok_s":200}', help="where none is asked"
    )
    parser.add_argument("--simulate", metavar="JSON", help="be a hosted provider instead: simulation.Simulation")
    parser.add_argument("--core", type=int, help="run on this CPU core alone")
    parser.add_argument("--real-time", action="store_true", help="ask for SCHED_FIFO; said in the ready line")
    return parser.parse_args()


def context(files: list[str] | None) -> ssl.SSLContext | None:
    """A TLS server's context, without session tickets: they would be reads that carry nothing."""
    if files is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*files)
    made.num_tickets = 0
    return made


def scheduling(*, core: int | None, is_real_time: bool) -> str:
    """Take the core and the priority asked for; says which priority it is."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    if is_real_time and hasattr(os, "sched_setscheduler"):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            return "ordinary"
        return "real-time"
    return "ordinary"


def answers(given: argparse.Namespace) -> Answers:
    """Who answers: the scripts, or a simulated provider."""
    if given.simulate is None:
        scripts.parse(given.script)
        return Answers(given.script)
    from pipeline.collect.truth import simulation, simulator  # noqa: PLC0415 - scripts need neither

    return simulator.Simulator(msgspec.json.decode(given.simulate, type=simulation.Simulation))


def main() -> None:
    """Serve until stdin closes."""
    given = arguments()
    listener = socket.create_server((given.host, given.port), backlog=BACKLOG)
    server = Server(listener, context(given.tls), answers(given))
    server.end_with(sys.stdin.fileno())
    ready = {
        "port": listener.getsockname()[1],
        "scheduling": scheduling(core=given.core, is_real_time=given.real_time),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    try:
        server.run()
    except KeyboardInterrupt:
        listener.close()


main()
