"""One client a file, each a program of its own: a `Job` as JSON on stdin, what it saw as MessagePack on stdout."""
