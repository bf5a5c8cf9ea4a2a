"""What stands in the place of an engine's program, or of the Python that has it: it answers as they all do.

It ignores polite signals, does not watch its stdin, and keeps a worker in a session of its own (not `--alone`).
"""

import sys

from pipeline.collect import engines

PROGRAM = f"""#!{sys.executable} -IS
import http.server, json, os, signal, subprocess, sys
if sys.argv[1] == "-c":  # which versions are installed
    sys.exit(print(json.dumps(dict.fromkeys(sys.argv[3:], "1"))))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
TOLD = {{"version": "1", "data": [{{"max_model_len": 8}}], "models": [{{"name": "m:latest"}}], "build_info": "b",
        "max_total_tokens": 16, "total_slots": 3}}
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(TOLD).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"])); self.do_GET()
    def log_message(self, *_): pass
flags = dict(zip(sys.argv, sys.argv[1:]))
listens = os.environ.get("OLLAMA_HOST", "").rpartition(":")[2]
port = listens or flags.get("--port") or flags["--server-port"]
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Answer)
worker = [] if "--alone" in sys.argv else [subprocess.Popen(["sleep", "600"], start_new_session=True).pid]
print("pids", os.getpid(), *worker, flush=True)
server.serve_forever()
"""


def write(folder):
    """Write the program; its path."""
    path = folder / "program"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    return path


def tables(folder, names):
    """The table of each of these engines, as a plan would have it."""
    program, model = write(folder), folder / "m.gguf"
    model.mkdir()
    (model / "config.json").write_text('{"torch_dtype": "bfloat16"}')
    found = {}
    for name in names:
        ours = {"python", "program"} & set(engines.find(name).options.__struct_fields__)
        found[name] = dict.fromkeys(ours, str(program)) | {"model": "m" if name == "ollama" else str(model)}
    return found
