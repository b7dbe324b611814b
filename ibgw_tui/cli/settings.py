"""`config path`, `config show`, `config check`, `config init`: what the desk was told, and by whom."""

from __future__ import annotations
