"""The operator's door: Textual screens that show view values and call roles. Decides nothing."""
