"""The recording half: the only part with a network, an engine or a clock. It understands nothing."""
