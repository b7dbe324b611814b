"""The limit policies number by number, and what has to be done before real money. Read only."""

from __future__ import annotations

from collections.abc import Sequence

from ibgw_tui.core.terms import Mode
from ibgw_tui.service.checklist import ChecklistItem, ChecklistView
from ibgw_tui.service.pages import PoliciesPage, PolicyView
from ibgw_tui.service.policy_views import RemarkKind, Setting, shown
from ibgw_tui.tui.present import Tone, utc_moment
from ibgw_tui.tui.screens.page import PageScreen
from ibgw_tui.tui.widgets.sections import Cell, Col, Row, Section, fact, sentence, table

SETTINGS = (
    Col("limit", 26),
    Col("value", 44),
    Col("from", 36, weight=2),
    Col("while not set", 60, weight=1, wraps=True),
)
OVERRIDES = (Col("for", 26), Col("tighter", 400, wraps=True))


class PoliciesScreen(PageScreen[PoliciesPage]):
    ONLY_BY_AUDIT = True
    view = "policies"
    title_word = "limit policies and the paper-to-live checklist"

    async def read(self) -> PoliciesPage:
        return await self.session.port.policies_page()

    def sections(self, page: PoliciesPage, width: int) -> Sequence[Section]:
        found = [Section("before real money", _checklist(page, width), _done(page.checklist))]
        if not any(policy.in_force for policy in page.policies):
            told = f"No limit policy is in force for {page.mode.value} orders: nothing is allowed."
            found.append(Section("policy in force", [sentence(told, width, Tone.REFUSE)]))
        for policy in page.policies:
            found += _policy(policy, width)
        told = (
            "Policies are numbers of the configuration file; 8 names it. A change takes effect at the next start, and"
        )
        told += (
            " voids approvals given under another digest. `ibgw policy check` and `ibgw policy diff` tell what it does."
        )
        found.append(Section("to change a limit", [sentence(told, width, Tone.QUIET)]))
        return found


def _done(view: ChecklistView) -> str:
    done = sum(not item.missing for item in view.items)
    return f"{done} of {len(view.items)} done"


def _checklist(page: PoliciesPage, width: int) -> list[Row]:
    view = page.checklist
    rows: list[Row] = [row for item in view.items for row in _item(item, width)]
    if view.acknowledged_by:
        rows.append(fact("by", f"{view.acknowledged_by}, {utc_moment(view.acknowledged_at)}", width, Tone.QUIET))
    if page.mode is Mode.PAPER:
        rows.append(sentence("Paper orders need none of it.", width, Tone.QUIET))
    return rows


def _item(item: ChecklistItem, width: int) -> list[Row]:
    mark, tone = ("✗", Tone.WARN) if item.missing else ("✓", Tone.GOOD)
    row = [*sentence(f"{mark} {item.text}", width, tone)]
    if item.recorded:
        row += sentence(f"recorded: {item.recorded}", width, Tone.QUIET, 3)
    if item.evidence and item.evidence.text not in item.recorded:
        row += sentence(f"evidence now: {item.evidence.text}", width, Tone.PLAIN, 3)
    if item.missing:
        row += sentence(f"missing: {item.missing}", width, Tone.WARN, 3)
    if item.user_action:
        row += sentence(f"do: {item.user_action}", width, Tone.QUIET, 3)
    return [row]


def _policy(policy: PolicyView, width: int) -> list[Section]:
    title = f"policy {policy.policy_id}"
    note = f"{'IN FORCE' if policy.in_force else 'not in force'}, digest {policy.digest[:16]}"
    found = [table(title, SETTINGS, [_setting(one) for one in policy.settings], width, note)]
    if policy.overrides:
        cells: list[list[Cell]] = [
            [
                (override.where, Tone.STRONG),
                (
                    ", ".join(f"{name} {value}" for name, value in override.given) + f"; digest {override.digest[:16]}",
                    Tone.PLAIN,
                ),
            ]
            for override in policy.overrides
        ]
        found.append(table(f"overrides of {policy.policy_id}", OVERRIDES, cells, width))
    else:
        told = "None: every account and symbol has the same numbers."
        found.append(Section(f"overrides of {policy.policy_id}", [sentence(told, width, Tone.QUIET)]))
    told_twice = {one.name for one in policy.settings}
    remarks = [remark for remark in policy.remarks if remark.field not in told_twice]
    if remarks:
        rows = [
            sentence(
                f"! {one.field}: {one.text}", width, Tone.REFUSE if one.kind is RemarkKind.ALLOWS_NOTHING else Tone.WARN
            )
            for one in remarks
        ]
        found.append(Section(f"to look at in {policy.policy_id}", rows))
    return found


def _setting(one: Setting) -> list[Cell]:
    nothing = one.means == "allows nothing"
    tone = Tone.REFUSE if nothing else Tone.QUIET if one.means else Tone.STRONG
    return [
        (one.name, Tone.PLAIN),
        (shown(one.value), tone),
        (", ".join(one.origins), Tone.QUIET),
        (one.means, Tone.REFUSE if nothing else Tone.WARN if one.means else Tone.QUIET),
    ]
