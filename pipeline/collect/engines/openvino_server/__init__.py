"""An OpenAI-shaped front before OpenVINO GenAI, run as `python -m pipeline.collect.engines.openvino_server`.

Two processes. The model process (`worker`) computes tokens and does nothing else; this one (`app`) speaks
HTTP. They are two because a step of the pipeline holds Python's global lock for its whole length (10 ms
for a token, 250 ms for a prompt): in one process, no token could leave while the next is computed.
"""
