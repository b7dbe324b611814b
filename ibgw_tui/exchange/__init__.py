"""A deterministic market of our own: instruments, quotes, matching, margins, faults. No clock, no I/O."""
