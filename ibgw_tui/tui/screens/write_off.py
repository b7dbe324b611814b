"""Writing an order off: saying that it was never placed, when no record of the broker shows it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from ibgw_tui.service.standing import Doubtful
from ibgw_tui.tui.present import utc_moment
from ibgw_tui.tui.screens.phrase import PhraseScreen
from ibgw_tui.tui.sheet import BAD, MUTED, STRONG, safe_part


class WriteOffScreen(PhraseScreen):
    """Returns the operator's words, or None when it was closed and the order stays in doubt."""

    phrase = "WRITE OFF"
    purpose = "write it off"
    otherwise = "the order stays in doubt"

    def __init__(self, doubtful: Doubtful, described: str) -> None:
        super().__init__(doubtful.against)
        self.doubtful = doubtful
        self.title_text = f"Write off {doubtful.record.order_ref}"
        self._described = described

    def head(self) -> Sequence[Content]:
        record, absence = self.doubtful.record, self.doubtful.absence
        looked = "Not looked up yet in complete records of this session."
        if absence is not None:
            looked = (
                f"Looked up {absence.looks} times from {utc_moment(absence.first_at)} to {utc_moment(absence.last_at)} "
                "in open orders, completed orders and executions: not found."
            )
        return (
            safe_part(self._described, STRONG),
            safe_part(f"in doubt since {utc_moment(record.updated_at)}: {record.reason or 'no answer came'}", MUTED),
            safe_part(looked, MUTED),
            safe_part("It then counts as never placed. If the broker has it after all, it is real money.", BAD),
        )
