"""The broker's role: preview, submit, cancel, hear, reconcile. Sole holder of the port. (being written)"""
