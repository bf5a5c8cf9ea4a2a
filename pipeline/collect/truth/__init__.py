"""The truth server: streams made by a script, with the time of each of its writes logged on our own clock.

What a recorder says of a stream is compared with what was written to its socket, and when. Belongs here:
scripts, simulated providers, the server and its log. Does not: the comparison (`pipeline.collect.calibrate`).

    python -m pipeline.collect.truth --port 0        prints {"port": …} when ready, ends when stdin closes

`POST /v1/chat/completions` is answered by the script in the header `x-truth-script` (JSON), and logged under
the header `x-truth-id`; `GET /log/<id>` gives that log, `GET /logs` the ids, oldest first.
With `--simulate` it is a hosted provider instead (`providers`, `simulation`), and logged alike.
"""
