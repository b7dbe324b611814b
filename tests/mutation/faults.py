"""Which small faults a module could have: each a number and a description, and the source with it put in."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_OTHER_CALL = {
    "add": "subtract", "subtract": "add", "multiply": "divide", "divide": "multiply", "max": "min", "min": "max",
    "any": "all", "all": "any",
}  # fmt: skip
_DROPPED_CALLS = frozenset({"copy_abs", "copy_negate", "strip"})
_OTHER_NAME = {
    "PASS": "REFUSE", "REFUSE": "PASS", "UNKNOWN": "PASS", "WARN": "PASS", "OFF": "PASS", "BUY": "SELL", "SELL": "BUY",
}  # fmt: skip

Put = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True)
class Fault:
    module: str
    number: int
    line: int
    what: str


def _ways(node: ast.AST) -> Iterator[tuple[str, Put]]:
    """Each way in which this node alone may be wrong."""
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            for other in _COMPARISONS.get(type(op), ()):
                yield f"{_word(op)} becomes {_word(other())}", _with_op(at, other)
    elif isinstance(node, ast.BoolOp):
        other_op = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{_word(node.op)} becomes {_word(other_op())}", lambda n: _set(n, op=other_op())
        for at in range(len(node.values)):
            yield f"operand {at + 1} of {_word(node.op)} is left out", _without("values", at)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield f"{_word(node.op)} is left out", lambda n: n.operand  # type: ignore[attr-defined]
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        swapped = _ARITHMETIC[type(node.op)]
        yield f"{_word(node.op)} becomes {_word(swapped())}", lambda n: _set(n, op=swapped())
    elif isinstance(node, ast.If | ast.IfExp):
        yield "the condition is turned round", lambda n: _set(n, test=ast.UnaryOp(ast.Not(), n.test))  # type: ignore[attr-defined]
    elif isinstance(node, ast.Return) and node.value is not None and not _is(node.value, None):
        yield "returns None", lambda n: _set(n, value=ast.Constant(None))
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Name) and node.id in _OTHER_NAME and isinstance(node.ctx, ast.Load):
        yield f"{node.id} becomes {_OTHER_NAME[node.id]}", lambda n: _set(n, id=_OTHER_NAME[node.id])
    elif isinstance(node, ast.Attribute) and node.attr in _OTHER_NAME:
        yield f"{node.attr} becomes {_OTHER_NAME[node.attr]}", lambda n: _set(n, attr=_OTHER_NAME[node.attr])
    elif isinstance(node, ast.Tuple | ast.List | ast.Set) and len(node.elts) > 1 and _loads(node):
        for at in range(len(node.elts)):
            yield f"element {at + 1} of {len(node.elts)} is missing", _without("elts", at)
    elif isinstance(node, ast.Dict) and len(node.keys) > 1:
        for at in range(len(node.keys)):
            yield f"entry {at + 1} of {len(node.keys)} is missing", _without("keys", at, "values")


def _calls(node: ast.Call) -> Iterator[tuple[str, Put]]:
    name = (
        node.func.attr
        if isinstance(node.func, ast.Attribute)
        else node.func.id
        if isinstance(node.func, ast.Name)
        else ""
    )
    if name in _OTHER_CALL:
        field = "attr" if isinstance(node.func, ast.Attribute) else "id"
        yield f"{name} becomes {_OTHER_CALL[name]}", lambda n: _set(n, func=_set(n.func, **{field: _OTHER_CALL[name]}))  # type: ignore[attr-defined]
    if name in _DROPPED_CALLS and not node.args and isinstance(node.func, ast.Attribute):
        yield f"{name}() is left out", lambda n: n.func.value  # type: ignore[attr-defined]
    number = node.args[0] if name == "Decimal" and len(node.args) == 1 else None
    if isinstance(number, ast.Constant) and isinstance(number.value, str):
        yield f"Decimal({number.value!r}) becomes 7", lambda n: _set(n, args=[ast.Constant("7")])
    for at, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield f"{keyword.arg}= is left out", _without("keywords", at)


def _constants(node: ast.Constant) -> Iterator[tuple[str, Put]]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} becomes {not value}", lambda n: _set(n, value=not value)
    elif isinstance(value, int):
        yield f"{value} becomes {value + 1}", lambda n: _set(n, value=value + 1)


def _with_op(at: int, other: type[ast.cmpop]) -> Put:
    def put(node: ast.AST) -> ast.AST:
        ops: list[ast.cmpop] = node.ops  # type: ignore[attr-defined]
        return _set(node, ops=[other() if index == at else op for index, op in enumerate(ops)])

    return put


def _without(field: str, at: int, *also: str) -> Put:
    def put(node: ast.AST) -> ast.AST:
        for name in (field, *also):
            items = getattr(node, name)
            setattr(node, name, items[:at] + items[at + 1 :])
        if isinstance(node, ast.BoolOp) and len(node.values) == 1:
            return node.values[0]
        return node

    return put


def _set(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node


def _is(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _loads(node: ast.Tuple | ast.List | ast.Set) -> bool:
    return isinstance(node, ast.Set) or isinstance(node.ctx, ast.Load)


def _word(op: ast.AST) -> str:
    return type(op).__name__


def _sites(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Parent, field, index and node of everything that runs: no annotations, docstrings, texts or imports."""
    todo: list[ast.AST] = [tree]
    while todo:
        parent = todo.pop(0)
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns", "type_params", "bases") or isinstance(
                parent, ast.JoinedStr | ast.Subscript
            ):
                continue
            items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
            for index, node in items:
                if not isinstance(node, ast.AST) or isinstance(node, ast.Import | ast.ImportFrom):
                    continue
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                    continue
                if isinstance(node, ast.Assign) and _is_alias(node):
                    continue
                yield parent, field, index, node
                todo.append(node)


def _is_alias(node: ast.Assign) -> bool:
    """`Amount = Annotated[...]`, `Check = Callable[...]`: types, which mypy guards."""
    return isinstance(node.value, ast.Subscript)


def faults_of(module: str, source: str) -> list[Fault]:
    """All faults of a module, in an order that depends on its source alone."""
    found: list[Fault] = []
    for _, _, _, node in _sites(ast.parse(source)):
        for what, _put in _ways(node):
            found.append(Fault(module, len(found), getattr(node, "lineno", 0), what))
    return found


def with_fault(source: str, number: int) -> ast.Module:
    """The module with fault `number` put in."""
    tree = ast.parse(source)
    seen = 0
    for parent, field, index, node in list(_sites(tree)):
        for _, put in list(_ways(node)):
            if seen == number:
                wrong = put(copy.deepcopy(node))
                if index is None:
                    setattr(parent, field, wrong)
                else:
                    getattr(parent, field)[index] = wrong
                return ast.fix_missing_locations(tree)
            seen += 1
    raise IndexError(number)
