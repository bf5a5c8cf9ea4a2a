"""What the last words of an engine mean: the cure for the ends that every engine knows."""

import re

_MEMORY = (
    r"out of memory|OutOfMemory|cudaMalloc failed|failed to allocate|No available memory for the cache blocks"
    r"|larger than the maximum number of tokens that can be stored in KV cache"
)
_PORT = r"address already in use|error while attempting to bind|couldn't bind|failed to bind"
_LIBRARY = r"error while loading shared libraries|cannot open shared object file|undefined symbol"
_PART = r"No module named|cannot be started: No such file|Missing dependencies"
_MODEL = (
    r"not a local folder and is not a valid model|Repository Not Found|couldn't connect to .*huggingface"
    r"|Can't load the configuration|does not appear to have a file named|failed to open GGUF file"
    r"|model .* not found|No such file or directory"
)
_OPTION = r"unrecognized arguments|No such option|invalid argument|unexpected argument|unknown flag"

# In the order in which they are asked: the first that fits speaks.
_CURES = {
    _MEMORY: "the memory is too small for this. Set max_model_len lower, quantise, use more GPUs "
    "(tensor_parallel), or stop what else is on the GPU (`nvidia-smi` names it).",
    _PORT: "something else took the port between our look and the engine's start. Start again, with port = 0 to "
    "get a free one.",
    _LIBRARY: "a library that the engine needs is not found, or not the one that it was built with (CUDA, torch). "
    "Install the engine with all that it needs, or name where that lies in LD_LIBRARY_PATH.",
    _PART: "the engine, or a part of it, is not installed. Install it, or say where it is (`python` or `program` "
    "in the engine's table).",
    _MODEL: "the model is not there. Write the path of a model on this machine, or a name that the engine can "
    "download, into `model`.",
    _OPTION: "this version of the engine does not know the option. Correct `arguments`, or install the version "
    "that the engine's file names.",
    r"ended with signal 4\b|illegal instruction": "it was built for another processor: this one lacks an "
    "instruction (a virtual machine may hide some). Install a build for this processor.",
    r"ended with signal 9\b": "somebody killed it, most likely the system for want of memory (`dmesg` says so).",
}


def cure(said: str) -> str:
    """The cure for what an engine said last."""
    found = (text for pattern, text in _CURES.items() if re.search(pattern, said, re.IGNORECASE))
    return next(found, "read the log above; the engine ended before it was ready.")
