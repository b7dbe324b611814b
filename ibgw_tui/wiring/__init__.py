"""Composition roots: the only room where real clocks, identities, paths and roles meet.

Everything else is handed what it needs. Each root is one small module, so that a process loads only
the roles it holds: an agent's process never loads the modules that approve or submit.
"""
