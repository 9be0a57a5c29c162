"""Finds every text that the page says, by reading its source: what reaches `say`, and which errors can be met."""

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from core import errors

ROOT = Path(__file__).resolve().parents[1]
PLACE = re.compile(r"\{[^{}]*\}")
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.CafError)}
WORD = re.compile(r"[^\W\d_]{2}")
TAG = re.compile(r"<style>.*?</style>|<[^<>]*>|^[^<>]*>|<[^<>]*$|&\w+;", re.DOTALL)
SHOWN = {"label", "info", "placeholder", "title"}
"""What of a Gradio component people read."""
MAX_TURNS = 8
"""So many functions may hand a text on before it is said."""


def blank(text: str) -> str:
    """A text with nothing in its places, whatever they are called."""
    return PLACE.sub("{}", text)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that is said of which the source does not show what."""

    path: str
    source: str


@dataclass
class Module:
    """One source file, with what its names stand for."""

    path: str
    root: Path
    tree: ast.Module = field(init=False)

    def __post_init__(self) -> None:
        self.tree = ast.parse((self.root / self.path).read_text(encoding="utf-8"))
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                child.parent = node  # type: ignore[attr-defined]

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """Name -> path of the module it comes from and its name there; "" for the module itself."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inside = f"{node.module}.{alias.name}".replace(".", "/") + ".py"
                    of = node.module.replace(".", "/") + ".py"
                    found[alias.asname or alias.name] = (
                        (inside, "") if (self.root / inside).is_file() else (of, alias.name)
                    )
        return found

    def given(self, name: str, scope: ast.AST) -> list[ast.expr]:
        """What a name is set to, or goes through, directly in a scope."""
        values: list[ast.expr] = []
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign):
                pairs = [(target, node.value) for target in node.targets]
            elif isinstance(node, ast.AnnAssign | ast.AugAssign) and node.value is not None:
                pairs = [(node.target, node.value)]
            elif isinstance(node, ast.For | ast.comprehension):
                pairs = [(node.target, elements(node.iter))]
            else:
                continue
            for target, value in pairs:
                values += parts_of(name, target, value)
        return values


def elements(node: ast.expr) -> ast.expr:
    """Marks that a name goes through the parts of a value."""
    return ast.Starred(value=node, ctx=ast.Load())


def parts_of(name: str, target: ast.expr, value: ast.expr) -> list[ast.expr]:
    """What of a value goes to a name that stands alone, or among others in a tuple."""
    if isinstance(target, ast.Name):
        return [value] if target.id == name else []
    if isinstance(target, ast.Tuple):
        for place, one in enumerate(target.elts):
            if isinstance(one, ast.Name) and one.id == name:
                if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
                    return [value.elts[place]]
                return [ast.Subscript(value=value, slice=ast.Constant(value=place), ctx=ast.Load())]
    return []


@lru_cache
def module(path: str, root: Path = ROOT) -> Module:
    return Module(path, root)


def enclosing(node: ast.AST) -> ast.FunctionDef | None:
    """The function that a node stands in."""
    while (parent := getattr(node, "parent", None)) is not None:
        if isinstance(parent, ast.FunctionDef):
            return parent
        node = parent
    return None


def texts_of(node: ast.expr, of: Module, scope: ast.FunctionDef | None, depth: int = 0) -> list[str] | None:
    """The texts that an expression may be, f-strings with empty places; None where the source does not show it."""
    if depth > 12:
        return None

    def inner(one: ast.expr) -> list[str] | None:
        return texts_of(one, of, scope, depth + 1)

    def all_of(some: list[ast.expr]) -> list[str] | None:
        found = [inner(one) for one in some]
        return None if any(one is None for one in found) else [text for one in found for text in one or ()]

    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.Constant():
            return []
        case ast.JoinedStr():
            parts = [
                (inner(part.value) or ["{}"]) if isinstance(part, ast.FormattedValue) else (inner(part) or [""])
                for part in node.values
            ]
            return ["".join(some) for some in itertools.product(*parts)]
        case ast.BinOp(op=ast.Add()):
            both = inner(node.left), inner(node.right)
            return None if None in both else [a + b for a, b in itertools.product(both[0] or (), both[1] or ())]
        case ast.IfExp():
            return all_of([node.body, node.orelse])
        case ast.BoolOp():
            return all_of(node.values)
        case ast.Tuple() | ast.List():
            return all_of(node.elts)
        case ast.Dict():
            return all_of(node.values)
        case ast.Starred():
            return inner(node.value)
        case ast.Subscript(slice=ast.Constant(value=int() as place)):
            rows = rows_of(node.value, of)
            return None if rows is None else all_of([row.elts[place] for row in rows])
        case ast.Call(func=ast.Attribute(attr="format")):
            return inner(node.func.value)
        case ast.Call() if name_of(node.func) in {"say", "html", "sentence", "join"}:
            return []
        case ast.Name():
            return of_name(node.id, of, scope, depth)
        case ast.Attribute(value=ast.Name()) if node.value.id in of.imports and not of.imports[node.value.id][1]:
            return of_name(node.attr, module(of.imports[node.value.id][0], of.root), None, depth)
    return None


def of_name(name: str, of: Module, scope: ast.FunctionDef | None, depth: int) -> list[str] | None:
    """The texts that a name may stand for."""
    if scope is not None and (values := of.given(name, scope)):
        found = [texts_of(value, of, scope, depth + 1) for value in values]
        return None if any(one is None for one in found) else [text for one in found for text in one or ()]
    if scope is not None and (outer := enclosing(scope)) is not None:
        return of_name(name, of, outer, depth)
    for statement in of.tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for value in (value for target in targets for value in parts_of(name, target, statement.value)):
                return texts_of(value, of, None, depth + 1)
    if name in of.imports and of.imports[name][1] and (of.root / of.imports[name][0]).is_file():
        return of_name(of.imports[name][1], module(of.imports[name][0], of.root), None, depth + 1)
    return None


def rows_of(node: ast.expr, of: Module) -> list[ast.Tuple] | None:
    """The rows of a table of tuples that stands in the source."""
    if isinstance(node, ast.Starred):
        node = node.value
    if isinstance(node, ast.Name):
        found = of.given(node.id, of.tree)
        node = found[0] if len(found) == 1 else node
    if isinstance(node, ast.Tuple | ast.List) and all(isinstance(one, ast.Tuple) for one in node.elts):
        return [one for one in node.elts if isinstance(one, ast.Tuple)]
    return None


def name_of(node: ast.expr) -> str:
    """The last name of a dotted one; of `self.say` and `self.say.html` it is "say" and "html"."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@dataclass
class Said:
    """Everything that some modules say."""

    paths: tuple[str, ...]
    sinks: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Function -> place and name of the parameter that is said."""
    root: Path = ROOT
    texts: set[str] = field(default_factory=set)
    unknown: set[Unknown] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sinks = dict(self.sinks)
        for _ in range(MAX_TURNS):
            before = len(self.sinks)
            self.texts.clear()
            self.unknown.clear()
            for path in self.paths:
                of = module(path, self.root)
                for said, node in self._saying(of):
                    self._take(of, said, node)
            if len(self.sinks) == before:
                return
        raise AssertionError(f"texts are handed on more than {MAX_TURNS} times")

    def _saying(self, of: Module) -> Iterator[tuple[ast.expr, ast.AST]]:
        for node in ast.walk(of.tree):
            if not isinstance(node, ast.Call):
                continue
            place, keyword = self.sinks.get(name_of(node.func), (0, "text"))
            if name_of(node.func) not in self.sinks:
                continue
            given = [one.value for one in node.keywords if one.arg == keyword]
            yield from ((one, node) for one in given or node.args[place : place + 1])

    def _take(self, of: Module, said: ast.expr, node: ast.AST) -> None:
        scope = enclosing(node)
        if isinstance(said, ast.Name) and scope is not None and not of.given(said.id, scope):
            names = [one.arg for one in scope.args.args]
            if said.id in names:
                place = names.index(said.id) - (names[0] == "self")
                self.sinks.setdefault(scope.name, (place, said.id))
                default = dict(zip(reversed(names), reversed(scope.args.defaults), strict=False)).get(said.id)
                self.texts.update(texts_of(default, of, None) or () if default is not None else ())
                return
        found = texts_of(said, of, scope)
        if found is None:
            self.unknown.add(Unknown(of.path, ast.unparse(said)))
        else:
            self.texts.update(found)


def unsaid(path: str, root: Path = ROOT) -> Iterator[str]:
    """Texts that stand in the components of a module, or between the tags of its HTML, and are not said."""
    of = module(path, root)
    prose = {id(node.value) for node in ast.walk(of.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(of.tree):
        if id(node) in prose or not isinstance(node, ast.Constant | ast.JoinedStr) or is_said(node):
            continue
        text = "".join(texts_of(node, of, None) or ())
        if is_shown(node) and "<" not in text:
            yield from [text] if WORD.search(text) else ()
        elif "</" in text and not isinstance(getattr(node, "parent", None), ast.JoinedStr):
            bare = [part.strip() for part in TAG.sub("\n", text).replace("{}", "\n").split("\n")]
            yield from (part for part in bare if WORD.search(part))


def is_said(node: ast.AST) -> bool:
    """Whether a text stands in the call that says it."""
    parent = getattr(node, "parent", None)
    return isinstance(parent, ast.Call) and name_of(parent.func) in {"say", "html"}


def is_shown(node: ast.AST) -> bool:
    """Whether a text is what a Gradio component is called or tells."""
    parent = getattr(node, "parent", None)
    call = getattr(parent, "parent", None) if isinstance(parent, ast.keyword) else parent
    if not isinstance(call, ast.Call) or not ast.unparse(call.func).startswith("gr.") or "Font" in name_of(call.func):
        return False
    return parent.arg in SHOWN if isinstance(parent, ast.keyword) else node in call.args[:1]
