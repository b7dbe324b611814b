"""The rules of the operator's terminal and the pitfalls of terminals, each with the tests that prove it.

The rules are what must be true, the pitfalls what was found to go wrong in programs like this one. A rule without a
test, and a test that was renamed or removed, both fail here. What a rule asks of all sources (no spinner, no emoji, no
dialog opened by a focus event) is tested below.
"""

from __future__ import annotations

import ast
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from rich.cells import cell_len

import ibgw_tui.tui
from ibgw_tui.tui.app import DeskApp
from tests.sources import parsed
from tests.tui.fake_desk import FakeDesk

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(Path(ibgw_tui.tui.__file__).parent.rglob("*.py"))

RULES: dict[str, tuple[str, tuple[str, ...]]] = {
    # ---- identity and content
    "R1": ("cursor, ticket, marks and dialogs hold an identity, never a row number", (
        "tests.tui.test_rows::TestReading", "tests.tui.test_screens::test_arrivals_and_removals_never_move_the_operator",
        "tests.tui.test_batching::test_a_mark_is_of_an_order_and_not_of_a_line",
        "tests.tui.test_screens::test_ordering_keeps_the_cursor",
    )),
    "R2": ("an approval carries what was displayed, and is refused on any difference", (
        "tests.service.test_review::test_an_approval_carries_what_was_displayed",
        "tests.service.test_review::test_anything_other_than_what_was_displayed_is_not_approved",
        "tests.tui.test_burst::test_no_approval_hits_an_order_other_than_the_one_displayed",
        "tests.tui.test_dialogs::test_y_after_the_dwell_returns_what_was_shown",
        "tests.crash.test_races::test_a_thousand_submits_of_one_approval_are_one_order",
    )),
    "R3": ("the fields shown are those that are hashed; an agent's words stand apart", (
        "tests.tui.test_dialogs::test_nothing_that_is_hashed_is_missing_from_the_sentence_of_facts",
        "tests.tui.test_dialogs::test_every_fact_is_on_the_screen",
        "tests.tui.test_dialogs::test_a_ticket_whose_parts_differ_is_never_armed",
        "tests.tui.test_hostile::test_a_hostile_rationale_stays_in_its_frame",
    )),
    "R4": ("what changes while the dialog is open disarms it and is said", (
        "tests.tui.test_arming::test_a_change_disarms_for_good_and_says_what_changed",
        "tests.tui.test_dialogs::test_a_change_disarms_for_good_and_says_what",
        "tests.tui.test_accidents::test_what_happens_during_the_confirm_disarms_and_is_said",
        "tests.pty.test_whole_desk::test_what_changes_during_the_review_disarms_it",
        "tests.pty.test_whole_desk::test_a_second_operator_approves_first",
    )),
    # ---- keys
    "R5": ("a confirming key counts by its arrival, after the painting and a dwell", (
        "tests.tui.test_arming::test_what_counts_is_arrival_not_when_it_was_looked_at",
        "tests.tui.test_arming::test_a_key_before_the_painting_is_dropped_and_never_replayed",
        "tests.tui.test_arming::test_nothing_is_decided_that_was_not_on_the_screen_long_enough",
        "tests.pty.test_review_in_a_terminal::test_type_ahead_in_one_write",
        "tests.pty.test_review_in_a_terminal::test_type_ahead_ten_milliseconds_apart",
    )),
    "R6": ("no other key shortly before or after: held keys and pastes decide nothing", (
        "tests.tui.test_arming::test_a_key_held_since_before_never_decides",
        "tests.tui.test_arming::test_pastes_and_clicks_never_decide",
        "tests.pty.test_review_in_a_terminal::test_the_confirming_key_held_since_before",
        "tests.pty.test_review_in_a_terminal::test_pastes",
        "tests.pty.test_whole_desk::test_text_pasted_into_the_list",
    )),
    "R7": ("the confirming key is a shifted letter that opens nothing and ends no sequence", (
        "tests.tui.test_keys::test_no_deciding_key_can_be_forged_by_a_torn_escape_sequence",
        "tests.tui.test_keys::test_enter_and_space_decide_nothing",
        "tests.tui.test_arming::test_no_other_key_decides",
        "tests.tui.test_keymap::test_no_keymap_lets_a_forgeable_key_decide_or_takes_one_away",
    )),
    "R8": ("after a decision a dead time, and the cursor stays on a tombstone", (
        "tests.tui.test_arming::test_dead_time_after_a_decision",
        "tests.tui.test_deciding::test_after_a_decision_there_is_a_moment_in_which_keys_do_nothing",
        "tests.tui.test_rows::test_a_row_that_leaves_stays_as_a_tombstone_until_the_operator_moves",
        "tests.pty.test_review_in_a_terminal::test_a_deliberate_press_approves",
    )),
    "R9": ("focus, resume, resize and stalls begin the dwell anew", (
        "tests.tui.test_arming::test_what_blurs_the_picture_starts_the_dwell_anew",
        "tests.tui.test_arming::test_beats_that_did_not_come_are_a_stall",
        "tests.pty.test_review_in_a_terminal::test_lost_focus_starts_the_dwell_anew",
        "tests.pty.test_review_in_a_terminal::test_a_resize_starts_the_dwell_anew",
        "tests.pty.test_review_in_a_terminal::test_a_storm_of_resizes",
        "tests.pty.test_review_in_a_terminal::test_a_key_typed_while_the_program_is_stopped",
        "tests.tui.test_dialogs::test_a_machine_that_slept_starts_the_dwell_anew",
    )),
    "R10": ("two priority keys; unbound keys do nothing; what does not fit cannot decide", (
        "tests.tui.test_keys::test_only_the_kill_switch_and_the_way_out_have_priority",
        "tests.tui.test_dialogs::test_other_keys_do_nothing",
        "tests.tui.test_dialogs::test_a_small_window_has_no_decision",
        "tests.tui.test_dialogs::test_what_does_not_fit_is_not_armed",
    )),
    # ---- tiers
    "R11": ("the unusual is typed, and what a gate refuses has no control", (
        "tests.tui.test_dialogs::test_an_unusual_order_wants_a_value_typed",
        "tests.tui.test_dialogs::test_what_is_unusual",
        "tests.tui.test_dialogs::test_what_a_gate_refuses_has_no_way_to_approve",
        "tests.pty.test_review_in_a_terminal::test_an_unusual_order_wants_its_code_typed",
    )),
    "R12": ("nothing approves all, for ever or by time; bulk acts name every order", (
        "tests.tui.test_deciding::test_nothing_in_the_palette_decides",
        "tests.tui.test_deciding::test_cancel_all_names_every_order_also_those_behind_a_filter",
        "tests.tui.test_batching::test_marks_behind_a_filter_are_named",
        "tests.tui.test_batching::test_real_money_is_never_marked",
        "tests.cli.test_moves::test_no_command_approves",
    )),
    "R13": ("stopping is one chord from anywhere; opening takes a phrase and a reason", (
        "tests.tui.test_deciding::test_the_kill_switch_closes_from_everywhere_at_once",
        "tests.tui.test_dialogs::test_the_kill_chord_works_inside",
        "tests.tui.test_dialogs::test_opening_the_switch_takes_a_reason_and_the_phrase",
        "tests.cli.test_kill::test_anyone_may_close", "tests.cli.test_kill::test_no_pipe_opens_the_switch",
    )),
    "R14": ("a hold-back that the router enforces, a countdown, and one key recalls", (
        "tests.service.test_views::test_the_hold_back_counts_down",
        "tests.tui.test_screens::test_the_hold_back_counts_down_on_the_ticket",
        "tests.tui.test_deciding::test_recall_and_send_now_act_at_once_on_an_approved_order",
        "tests.service.test_review::test_recalling_takes_the_approval_back_for_good",
    )),
    # ---- display
    "R15": ("findings worst first and whole, or the page cannot arm", (
        "tests.tui.test_dialogs::test_findings_to_mind_come_first",
        "tests.tui.test_dialogs::test_a_page_is_whole_or_says_that_it_is_not",
    )),
    "R16": ("numbers have an age; a feed or a loop that lags is said", (
        "tests.tui.test_screens::test_clock_ages_and_countdowns_go_on_by_themselves",
        "tests.tui.test_smooth::test_a_stall_is_told_as_stale_and_goes_away",
        "tests.tui.test_feed::test_a_desk_that_does_not_answer_is_down_and_readings_never_overlap",
        "tests.tui.test_feed::test_remembering_the_screen_does_not_end_the_reading",
        "tests.tui.test_feed::test_a_reading_that_was_ended_is_said_and_begun_again",
        "tests.tui.test_deciding::test_nothing_is_approved_while_the_feed_is_down",
    )),
    "R17": ("side, quantity and mode are words, marks and places, not only colours", (
        "tests.tui.test_present::test_buy_and_sell_differ_by_word_and_mark",
        "tests.tui.test_present::test_the_four_modes_have_four_words_and_four_colours",
        "tests.tui.test_present::test_numbers_are_grouped_and_never_rounded",
        "tests.tui.test_screens::test_the_header_says_where_we_are_in_words",
    )),
    "R18": ("new rows come below, sorting only on command, nothing moves behind a dialog", (
        "tests.tui.test_rows::test_new_rows_come_in_below",
        "tests.tui.test_feed::test_behind_a_dialog_the_head_goes_on_and_the_lists_stand_still",
        "tests.pty.test_whole_desk::test_an_arrival_between_reading_and_pressing",
    )),
    "R19": ("the result is the desk's; what is not known is loud and blocks", (
        "tests.tui.test_deciding::test_an_unknown_result_is_loud_and_blocks_until_the_desk_was_read_again",
        "tests.tui.test_deciding::test_a_refusal_at_the_last_moment_is_said_as_the_desk_says_it",
        "tests.tui.test_batching::test_an_unknown_result_blocks_every_order_of_the_batch_until_it_was_read_again",
    )),
    "R20": ("how it was approved is in the audit log, early keys too", (
        "tests.service.test_review::test_an_approval_carries_what_was_displayed",
        "tests.tui.test_arming::test_an_early_key_pays_a_penalty_longer_than_any_keyboard_waits_to_repeat",
        "tests.pty.test_whole_desk::test_a_deliberate_press_approves_what_is_displayed",
        "tests.tui.test_pages::test_agents_are_told_with_rate_reasons_and_budget",
    )),
    "R21": ("nothing of an agent in notifications, titles, file names, clipboard", (
        "tests.tui.test_ringing::test_nothing_that_an_agent_wrote_is_in_a_ring",
        "tests.tui.test_ringing::test_the_bell_and_the_notification_reach_a_real_terminal_with_nothing_of_the_order",
        "tests.tui.test_remembered::test_nothing_of_an_order_is_in_the_file",
    )),
    "R22": ("a read-only terminal has nothing that could decide", (
        "tests.tui.test_deciding::test_a_read_only_terminal_decides_nothing_and_says_so",
        "tests.tui.test_habits::test_a_read_only_terminal_offers_no_deciding_key_and_says_what_it_is",
    )),
}  # fmt: skip

PITFALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "P1": ("escapes, C1, bidi and zero-width marks pass to the terminal", (
        "tests.core.test_text::test_nothing_that_a_terminal_obeys_survives",
        "tests.tui.test_hostile::test_hostile_text_in_every_field_neither_crashes_nor_reaches_the_terminal",
        "tests.pty.test_whole_desk::test_no_sequence_of_an_agent_reaches_the_terminal",
        "tests.pty.test_whole_desk::test_a_long_reason_is_refused_at_the_door_and_said",
        "tests.pty.test_review_in_a_terminal::test_no_byte_of_an_agents_escape_reaches_the_terminal",
    )),
    "P2": ("a str is markup", ("tests.tui.test_hostile::test_no_bare_text_and_no_markup_reaches_a_widget",)),
    "P3": ("a stray bracket ends the app", (
        "tests.tui.test_hostile::test_hostile_text_in_every_field_neither_crashes_nor_reaches_the_terminal",
        "tests.tui.test_hostile::test_hostile_text_of_one_order_leaves_the_other_lines_alone",
    )),
    "P4": ("a cursor that is a row number", ("tests.tui.test_rows::TestReading",)),
    "P5": ("one changed cell repaints the page", (
        "tests.tui.test_rows::test_only_values_that_differ_are_painted",
        "tests.tui.test_screens::test_ten_thousand_orders_repaint_two_lines_a_move",
    )),
    "P6": ("removing a row walks and lays out everything", (
        "tests.tui.test_smooth::test_ten_thousand_rows_with_fifty_changes_a_second_hold_nothing_up",
    )),
    "P7": ("measuring every new cell", (
        "tests.tui.test_smooth::test_ten_thousand_rows_with_fifty_changes_a_second_hold_nothing_up",
        "tests.tui.test_smooth::test_lists_that_did_not_change_cost_nothing",
    )),
    "P8": ("priority keys of the app work inside dialogs", (
        "tests.tui.test_keys::test_only_the_kill_switch_and_the_way_out_have_priority",
    )),
    "P9": ("ctrl+q leaves at once", (
        "tests.tui.test_deciding::test_leaving_asks_while_orders_work_through_this_terminal",
        "tests.tui.test_deciding::test_leaving_from_inside_a_dialog",
    )),
    "P10": ("a dialog focuses its first button", (
        "tests.tui.test_dialogs::test_nothing_in_it_can_take_the_focus_or_be_clicked",
        "tests.pty.test_whole_desk::test_double_enter", "tests.pty.test_review_in_a_terminal::test_enter_held",
    )),
    "P11": ("keys typed ahead are acted on", (
        "tests.pty.test_review_in_a_terminal::test_keys_typed_while_the_loop_hangs",
        "tests.pty.test_review_in_a_terminal::test_a_key_typed_into_an_armed_review_that_hangs",
        "tests.pty.test_review_in_a_terminal::test_torn_escape_sequences",
        "tests.tui.test_deciding::test_one_question_at_a_time",
    )),
    "P12": ("a failing worker ends the app, or is silent", (
        "tests.tui.test_feed::test_a_failing_desk_is_said_and_tried_again_until_it_answers",
        "tests.tui.test_feed::test_an_unexpected_failure_ends_neither_the_app_nor_the_feed",
    )),
    "P13": ("tracebacks show local variables", (
        "tests.tui.test_hygiene::test_a_crash_file_is_private_and_has_no_locals",
        "tests.pty.test_terminal_left_clean::test_a_failure_prints_one_line_and_no_local_variable",
    )),
    "P14": ("signals leave the terminal in pieces", (
        "tests.pty.test_terminal_left_clean::test_signals_leave_a_clean_terminal",
        "tests.pty.test_terminal_left_clean::test_even_when_the_loop_hangs",
        "tests.pty.test_terminal_left_clean::test_a_stopped_program_gives_the_terminal_back_and_takes_it_again",
        "tests.pty.test_whole_desk_ends::test_told_to_go_it_leaves_terminal_and_store_in_order",
        "tests.pty.test_whole_desk_ends::test_killed_in_the_middle_of_an_approval_nothing_is_sent_twice",
    )),
    "P15": ("footers leak", ("tests.tui.test_smooth::test_a_day_of_changes_leaves_no_widget_behind",)),
    "P16": ("a ticking title repaints the screen", ("tests.tui.test_smooth::test_a_second_that_passes_lays_nothing_out",)),
    "P17": ("animations and translucent dialogs repaint everything", (
        "tests.tui.test_rules::test_nothing_moves_by_itself",
    )),
    "P18": ("a blocked loop queues keys and looks alive", (
        "tests.tui.test_hygiene::test_stalls_are_counted_and_reported",
        "tests.tui.test_smooth::test_a_stall_is_told_as_stale_and_goes_away",
        "tests.tui.test_smooth::test_the_settings_page_tells_how_late_the_loop_was",
        "tests.tui.test_dialogs::test_the_watchdogs_stall_starts_the_dwell_anew",
    )),
    "P19": ("without colours the cursor is gone", (
        "tests.tui.test_habits::test_without_colours_everything_is_a_word_or_a_mark",
        "tests.tui.test_present::test_every_state_is_a_word_or_a_mark_and_not_only_a_colour",
        "tests.pty.test_whole_desk_ends::test_told_to_go_it_leaves_terminal_and_store_in_order",
    )),
    "P20": ("the newer keyboard protocol spells keys otherwise", (
        "tests.tui.test_arming::test_the_same_press_as_some_terminals_spell_it",
        "tests.pty.test_review_in_a_terminal::test_a_deliberate_press_approves",
    )),
    "P21": ("the environment presses keys", (
        "tests.tui.test_hygiene::test_every_order_to_textual_is_removed_and_nothing_else",
        "tests.pty.test_terminal_left_clean::test_the_environment_presses_no_keys",
        "tests.pty.test_whole_desk_ends::test_told_to_go_it_leaves_terminal_and_store_in_order",
    )),
    "P22": ("a copy may not arrive", (
        "tests.tui.test_habits::test_a_copy_says_what_was_copied_where_it_went_and_what_else_there_is",
        "tests.tui.test_habits::test_where_a_copy_goes_depends_on_what_is_in_between",
    )),
    "P23": ("large repaints flicker", (
        "tests.tui.test_screens::test_ten_thousand_orders_repaint_two_lines_a_move",
        "tests.tui.test_thrift::test_the_picture_is_the_same",
        "tests.tui.test_thrift::test_what_does_not_differ_is_not_written_again",
    )),
    "P24": ("emoji have another width elsewhere", ("tests.tui.test_rules::test_every_mark_is_one_cell_wide_everywhere",)),
    "P25": ("local time; clocks that stop while the machine sleeps", (
        "tests.tui.test_arming::test_a_machine_that_slept_is_noticed_and_a_standing_clock_is_not",
        "tests.tui.test_dialogs::test_a_machine_that_slept_starts_the_dwell_anew",
        "tests.tui.test_hostile::test_the_terminal_does_not_read_the_clock_or_make_identities",
    )),
    "P26": ("a dialog opened by a focus event keeps the mouse", (
        "tests.tui.test_rules::test_no_dialog_is_opened_by_a_focus_event",
    )),
}  # fmt: skip


@cache
def collected(module: str) -> frozenset[str]:
    """Names that pytest would collect from a file, without running it."""
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    if not path.exists():
        return frozenset()
    found = set()
    for node in parsed(path).body:
        if (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")) or (
            isinstance(node, ast.ClassDef) and node.name.startswith("Test")
        ):
            found.add(node.name)
        elif isinstance(node, ast.Assign):  # a state machine of hypothesis
            found |= {target.id for target in node.targets if isinstance(target, ast.Name) and target.id[:4] == "Test"}
    return frozenset(found)


@pytest.mark.parametrize("name", [*RULES, *PITFALLS])
def test_it_is_proven_by_tests_that_exist(name: str) -> None:
    meaning, proofs = {**RULES, **PITFALLS}[name]
    assert meaning and proofs, f"{name} is proven by nothing"
    gone = [proof for proof in proofs if proof.split("::")[1] not in collected(proof.split("::")[0])]
    assert not gone, f"{name} ({meaning}): no such test: {gone}"


def test_every_rule_and_pitfall_is_here() -> None:
    assert list(RULES) == [f"R{number}" for number in range(1, 23)]
    assert list(PITFALLS) == [f"P{number}" for number in range(1, 27)]


def test_a_name_that_is_no_test_is_found() -> None:
    assert "test_it_is_proven_by_tests_that_exist" in collected("tests.tui.test_rules")
    assert "collected" not in collected("tests.tui.test_rules")
    assert not collected("tests.tui.no_such_file")


# ---- what is asked of all sources


def trees() -> list[tuple[Path, ast.Module]]:
    return [(path, parsed(path)) for path in FILES]


def test_nothing_moves_by_itself() -> None:
    assert DeskApp(FakeDesk()).animation_level == "none"
    for path, tree in trees():
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        calls = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        moving = (names | calls) & {"LoadingIndicator", "ProgressBar", "set_loading", "animate", "Header", "Footer"}
        assert not moving, f"{path.name}: {moving}"
    for path in [*FILES, *Path(ibgw_tui.tui.__file__).parent.rglob("*.tcss")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "background:" in line:
                assert "%" not in line.split("background:")[1].split(";")[0], f"{path.name}: a translucent background"


def test_every_mark_is_one_cell_wide_everywhere() -> None:
    """Also where terminals disagree: no emoji, no variation selector, nothing of ambiguous emoji presentation."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            for character in node.value:
                if ord(character) < 0x2000:
                    continue
                assert ord(character) < 0x1F000 and not 0xFE00 <= ord(character) <= 0xFE0F, (
                    f"{path.name}: {character!r}"
                )
                wide = unicodedata.east_asian_width(character) in ("W", "F")
                assert not wide and cell_len(character) <= 1, f"{path.name}: {character!r}"


OPENS = {"push_screen", "push_screen_wait", "ask", "approve", "reject", "answer_to", "switch_mode", "switch_screen"}


def test_no_dialog_is_opened_by_a_focus_event() -> None:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                "focus" in node.name or "blur" in node.name
            ):
                called = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
                assert not called & OPENS, f"{path.name}: {node.name}"


def test_an_exclusive_worker_names_its_group() -> None:
    """It cancels all others of its group; in the group of everybody it would end the feed and open questions."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                words = {word.arg for word in node.keywords}
                assert "exclusive" not in words or "group" in words, f"{path.name}: line {node.lineno}"
