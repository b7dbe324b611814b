"""A list keeps its operator's place: whatever happens, the cursor stays on its order and on its line."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ibgw_tui.tui.rows import MOST_TOMBSTONES, Rows


@dataclass(frozen=True)
class Thing:
    name: str
    value: int = 0


def things(*names: str) -> list[Thing]:
    return [Thing(name) for name in names]


def rows(*names: str, height: int = 5) -> Rows[Thing]:
    made: Rows[Thing] = Rows(lambda thing: thing.name)
    made.resize(height)
    made.update(things(*names))
    return made


def line(of: Rows[Thing]) -> int | None:
    """The cursor's line on the screen."""
    return None if of.index is None else of.index - of.top


def test_the_cursor_starts_on_the_first_row_or_the_last() -> None:
    assert rows("a", "b").cursor == "a"
    at_end: Rows[Thing] = Rows(lambda thing: thing.name, start_at_end=True)
    at_end.resize(3)
    at_end.update(things("a", "b", "c", "d"))
    assert at_end.cursor == "d" and at_end.top == 1


def test_new_rows_come_in_below() -> None:
    made = rows("b", "a")
    made.update(things("c", "a", "b"))
    assert list(made.shown) == ["b", "a", "c"]


def test_a_row_that_leaves_stays_as_a_tombstone_until_the_operator_moves() -> None:
    made = rows("a", "b", "c")
    made.move(1)
    made.update(things("a", "c"))
    assert made.cursor == "b" and made.is_gone("b") and line(made) == 1
    made.move(1)
    assert made.cursor == "c" and list(made.shown) == ["a", "c"]


def test_from_a_tombstone_up_goes_to_the_row_above() -> None:
    made = rows("a", "b", "c")
    made.move(1)
    made.update(things("a", "c"))
    made.move(-1)
    assert made.cursor == "a"


def test_a_tombstone_that_comes_back_is_a_row_again() -> None:
    made = rows("a", "b")
    made.update(things("b"))
    made.update([Thing("a", 7), Thing("b")])
    assert not made.is_gone("a") and made.value("a").value == 7 and made.cursor == "a"


def test_when_nothing_lives_a_move_clears_the_list() -> None:
    made = rows("a")
    made.update([])
    assert made.cursor == "a"
    made.move(1)
    assert made.cursor is None and len(made) == 0
    made.update(things("n"))
    assert made.cursor == "n"


def test_filtering_keeps_the_cursors_row_even_if_it_does_not_match() -> None:
    made = rows("a", "b", "c")
    made.move(1)
    made.show_only(lambda thing: thing.name == "c")
    assert list(made.shown) == ["b", "c"] and made.cursor == "b" and made.hidden == ("a",)
    made.show_only(None)
    assert list(made.shown) == ["a", "b", "c"] and made.cursor == "b"


def test_a_row_that_stops_matching_stays_until_the_operator_moves() -> None:
    made = rows("a", "b", "c")
    made.show_only(lambda thing: thing.value == 0)
    made.update([Thing("a"), Thing("b", 1), Thing("c")])
    assert "b" in made.shown
    made.move(1)
    made.move(1)
    made.show_only(lambda thing: thing.value == 0)
    assert "b" not in made.shown or made.cursor == "b"


def test_sorting_keeps_the_cursor() -> None:
    made = rows("c", "a", "b")
    made.put_in_order(lambda thing: thing.name)
    assert list(made.shown) == ["a", "b", "c"] and made.cursor == "c"
    made.update(things("a", "b", "c", "0"))
    assert list(made.shown) == ["a", "b", "c", "0"], "what comes later goes below"


def test_only_values_that_differ_are_painted() -> None:
    made = rows("a", "b")
    assert made.update(things("a", "b")).ids == frozenset()
    changed = made.update([Thing("a"), Thing("b", 1)])
    assert changed.ids == {"b"} and not changed.everything


def test_tombstones_do_not_pile_up_while_nobody_is_there() -> None:
    made = rows(*(f"r{at}" for at in range(100)), height=5)
    for at in range(1, 100):
        made.update([Thing("r0"), *(Thing(f"r{later}") for later in range(at + 1, 100))])
    assert len(made) <= MOST_TOMBSTONES + 1 and made.cursor == "r0" and line(made) == 0


names = st.integers(min_value=0, max_value=25).map(lambda number: f"r{number}")


class Reading(RuleBasedStateMachine):
    """Orders come and go while somebody reads."""

    @initialize(height=st.integers(min_value=1, max_value=8), first=st.lists(names, unique=True, max_size=12))
    def begin(self, height: int, first: list[str]) -> None:
        self.rows: Rows[Thing] = Rows(lambda thing: thing.name)
        self.rows.resize(height)
        self.alive = dict.fromkeys(first, 0)
        self.rows.update(Thing(name, value) for name, value in self.alive.items())

    def _feed(self) -> None:
        """What the desk does: it must not move the operator."""
        cursor, where = self.rows.cursor, self._line()
        visible = where is not None and 0 <= where < self.rows.height
        self.rows.update(Thing(name, value) for name, value in self.alive.items())
        if cursor is not None:
            assert self.rows.cursor == cursor
            if visible:
                assert self._line() == where

    def _line(self) -> int | None:
        return None if self.rows.index is None else self.rows.index - self.rows.top

    @rule(name=names)
    def arrive(self, name: str) -> None:
        self.alive.setdefault(name, 0)
        self._feed()

    @rule(name=names)
    def leave(self, name: str) -> None:
        self.alive.pop(name, None)
        self._feed()

    @rule(name=names, value=st.integers(min_value=0, max_value=3))
    def change(self, name: str, value: int) -> None:
        if name in self.alive:
            self.alive[name] = value
        self._feed()

    @rule()
    def everything_goes(self) -> None:
        self.alive.clear()
        self._feed()

    @rule(by=st.sampled_from([-7, -1, 1, 7]))
    def move(self, by: int) -> None:
        before = self.rows.cursor
        place = self.rows.index
        self.rows.move(by)
        if self.rows.cursor is not None:
            assert not self.rows.is_gone(self.rows.cursor) or self.rows.cursor == before
            where = self._line()
            assert where is not None and 0 <= where < self.rows.height, "after a move the cursor is on the screen"
        if before is not None and place is not None and not self.alive:
            assert self.rows.cursor is None

    @rule(name=names)
    def click(self, name: str) -> None:
        if self.rows.move_to(name):
            assert self.rows.cursor == name

    @rule(value=st.integers(min_value=0, max_value=3))
    def filter(self, value: int) -> None:
        cursor = self.rows.cursor
        self.rows.show_only(lambda thing: thing.value == value)
        if cursor is not None:
            assert self.rows.cursor == cursor and cursor in self.rows.shown

    @rule()
    def no_filter(self) -> None:
        self.rows.show_only(None)

    @rule()
    def sort(self) -> None:
        cursor = self.rows.cursor
        self.rows.put_in_order(lambda thing: (thing.value, thing.name))
        assert self.rows.cursor == cursor

    @rule(height=st.integers(min_value=1, max_value=8))
    def resize(self, height: int) -> None:
        cursor = self.rows.cursor
        self.rows.resize(height)
        assert self.rows.cursor == cursor

    @rule(top=st.integers(min_value=0, max_value=30))
    def wheel(self, top: int) -> None:
        cursor = self.rows.cursor
        self.rows.look_at(top)
        assert self.rows.cursor == cursor

    @rule(first=st.booleans())
    def ends(self, first: bool) -> None:
        self.rows.move_to_end(first=first)

    @invariant()
    def sound(self) -> None:
        if not hasattr(self, "rows"):
            return
        shown = self.rows.shown
        assert len(set(shown)) == len(shown)
        assert all(self.rows.place(name) == at for at, name in enumerate(shown))
        assert self.rows.cursor is None or self.rows.cursor in shown
        assert (self.rows.cursor is None) == (len(shown) == 0)
        assert self.rows.top >= 0 and self.rows.lines >= len(shown)
        if not self.rows.is_filtered:
            assert set(self.alive) <= set(shown)


TestReading = Reading.TestCase
TestReading.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(count=st.integers(min_value=1, max_value=300), moves=st.lists(st.sampled_from([-50, -1, 1, 50]), max_size=30))
@settings(deadline=None, max_examples=50)
def test_moving_never_leaves_the_list(count: int, moves: list[int]) -> None:
    made = rows(*(f"r{at}" for at in range(count)), height=10)
    for by in moves:
        made.move(by)
        where = line(made)
        assert where is not None and 0 <= where < 10
