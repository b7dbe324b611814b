"""The screens, and the dialogs that ask. A dialog returns a typed answer and decides nothing itself."""
