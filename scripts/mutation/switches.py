"""Writes many mutants into one source, each behind a switch: `if crate::mutant(17) { … }`.

One build then serves all of them: LAKEGATE_MUTANT=17 in the environment of a test turns that one on. Each piece that
belongs to a mutant stands between `/*<17*/` and `/*17>*/`, so that an error of the compiler tells whose it is.
"""

import re
from collections import defaultdict

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

from mutation.listing import Mutant

PARSER = Parser(Language(tree_sitter_rust.language()))
SWITCH = """
#[allow(missing_docs)]
pub fn mutant(number: u32) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<u32>> =
        std::sync::LazyLock::new(|| std::env::var("LAKEGATE_MUTANT").ok().and_then(|text| text.parse().ok()));
    *CHOSEN == Some(number)
}
"""
COMPARISONS = {"<", "<=", ">", ">="}
LAZY = {"&&", "||"}
MARK = re.compile(r"/\*(?:<(?P<open>[\d,]+)|(?P<close>[\d,]+)>)\*/")


class Unswitchable(Exception):
    """The mutant cannot be written as a branch; its text says why."""


def on(mutant: Mutant) -> str:
    return f"crate::mutant({mutant.number})"


def marked(numbers: list[int], text: str) -> str:
    key = ",".join(map(str, numbers))
    return f"/*<{key}*/{text}/*{key}>*/"


def blamed(source: str, at: int) -> list[int]:
    """The mutants of the smallest marked piece around a byte of a written source; none: it is in no piece."""
    position = len(source.encode()[:at].decode(errors="ignore"))
    around: list[str] = []
    for mark in MARK.finditer(source):
        if mark.start() > position:
            break
        if mark["open"]:
            around.append(mark["open"])
        else:
            around.pop()
    return [int(number) for number in around[-1].split(",")] if around else []


class Source:
    """One file and the mutants that are to be written into it."""

    def __init__(self, text: str):
        self.text = text.encode()
        self.lines = text.split("\n")
        self.root = PARSER.parse(self.text).root_node
        self.at: dict[int, list[Mutant]] = defaultdict(list)
        self.nodes: dict[int, Node] = {}

    def add(self, mutant: Mutant) -> None:
        node = self.place(mutant)
        above = node
        while above is not None:
            if is_constant(above):
                raise Unswitchable("it is in a constant")
            above = above.parent
        self.at[node.id].append(mutant)
        self.nodes[node.id] = node

    def offset(self, place: tuple[int, int]) -> int:
        line, column = place
        before = sum(len(text.encode()) + 1 for text in self.lines[:line - 1])
        return before + len(self.lines[line - 1][:column - 1].encode())

    def place(self, mutant: Mutant) -> Node:
        """The node that is written anew for a mutant."""
        start, end = self.offset(mutant.start), self.offset(mutant.end)
        found = self.root.descendant_for_byte_range(start, end if mutant.genre == "FnValue" else max(start, end - 1))
        match mutant.genre:
            case "FnValue":
                return upward(found, lambda node: node.type == "block" and node.parent.type == "function_item")
            case "BinaryOperator":
                if found.parent.type == "let_chain":
                    raise Unswitchable("a condition with `let` knows no other operator")
                return upward(found, lambda node: node.type in ("binary_expression", "compound_assignment_expr"))
            case "UnaryOperator":
                return upward(found, lambda node: node.type == "unary_expression")
            case "MatchArm" | "MatchArmGuard":
                return upward(found, lambda node: node.type == "match_arm" and node.start_byte <= start)
            case "StructField":
                return upward(found, lambda node: node.type == "struct_expression")
        raise Unswitchable(f"mutants of the kind {mutant.genre} are not known")

    def written(self) -> str:
        return self.write(self.root)

    def write(self, node: Node) -> str:
        mutants = self.at.get(node.id)
        plain = lambda: self.inside(node)  # noqa: E731
        if not mutants:
            arms = [m.number for m in self.arms(node)] if node.type == "match_expression" else []
            return marked(arms, plain()) if arms else plain()
        match node.type:
            case "block":
                return self.block(node, mutants)
            case "binary_expression":
                return self.binary(node, mutants)
            case "compound_assignment_expr":
                return self.chosen(node, mutants, lambda mutant: self.with_operator(node, mutant.replacement))
            case "unary_expression":
                return self.unary(node, mutants)
            case "match_arm":
                return self.arm(node, mutants)
            case _:
                return self.chosen(node, mutants, lambda mutant: self.without_field(node, mutant))

    def inside(self, node: Node, skip: Node | None = None) -> str:
        """The text of a node, its children written; without the one that is skipped."""
        parts, at = [], node.start_byte
        for child in node.children:
            parts.append(self.text[at:child.start_byte].decode())
            if skip is None or child.id != skip.id:
                parts.append(self.write(child))
            at = child.end_byte
        parts.append(self.text[at:node.end_byte].decode())
        return "".join(parts)

    def arms(self, node: Node) -> list[Mutant]:
        body = node.child_by_field_name("body")
        return [mutant for arm in body.children for mutant in self.at.get(arm.id, []) if mutant.genre == "MatchArm"]

    def block(self, node: Node, mutants: list[Mutant]) -> str:
        returns = [marked([m.number], f" if {on(m)} {{ return {m.replacement}; }} ") for m in mutants]
        inside = self.inside(node)
        return "{" + "".join(returns) + inside[1:]

    def chosen(self, node: Node, mutants: list[Mutant], changed) -> str:
        branches = "".join(f"if {on(m)} {{ {marked([m.number], changed(m))} }} else " for m in mutants)
        return marked([m.number for m in mutants], f"({branches}{{ {self.inside(node)} }})")

    def with_operator(self, node: Node, operator: str) -> str:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        return f"{self.write(left)} {operator} {self.write(right)}"

    def binary(self, node: Node, mutants: list[Mutant]) -> str:
        left, right = (self.write(node.child_by_field_name(side)) for side in ("left", "right"))
        operator = self.span(node.child_by_field_name("operator"))
        numbers = [m.number for m in mutants]
        if {operator} | {m.replacement for m in mutants} == {"==", "!="}:
            return marked(numbers, f"(({left} {operator} {right}) ^ ({' || '.join(on(m) for m in mutants)}))")
        if operator in LAZY:
            taken, names, second = f"({left})", "__left", f"({right})"
        elif operator in COMPARISONS:
            taken, names, second = f"(&({left}), &({right}))", "(__left, __right)", "__right"
        else:
            taken, names, second = f"(({left}), ({right}))", "(__left, __right)", "__right"
        branches = "".join(f"if {on(m)} {{ {marked([m.number], f'__left {m.replacement} {second}')} }} else "
                           for m in mutants)
        return marked(numbers, f"(match {taken} {{ {names} => {branches}{{ __left {operator} {second} }} }})")

    def span(self, node: Node) -> str:
        return self.text[node.start_byte:node.end_byte].decode()

    def unary(self, node: Node, mutants: list[Mutant]) -> str:
        operator, operand = self.span(node.children[0]), self.write(node.children[-1])
        asked = " || ".join(on(m) for m in mutants)
        written = f"(match ({operand}) {{ __value => if {asked} {{ __value }} else {{ {operator}__value }} }})"
        return marked([m.number for m in mutants], written)

    def arm(self, node: Node, mutants: list[Mutant]) -> str:
        pattern = node.child_by_field_name("pattern")
        guard = pattern.child_by_field_name("condition")
        gone = [m for m in mutants if m.genre == "MatchArm" or m.replacement == "false"]
        open_ = [m for m in mutants if m.genre == "MatchArmGuard" and m.replacement == "true"]
        terms = [marked([m.number], f"!{on(m)}") for m in gone]
        if guard is not None:
            terms.append(marked([m.number for m in open_] or [m.number for m in gone],
                                "(" + " || ".join([on(m) for m in open_] + [f"({self.write(guard)})"]) + ")"))
        shape = pattern.children[0]
        before = self.text[node.start_byte:shape.start_byte].decode()
        value = node.child_by_field_name("value")
        arrow = self.text[pattern.end_byte:value.start_byte].decode()
        after = arrow + self.write(value) + self.text[value.end_byte:node.end_byte].decode()
        return f"{before}{self.span(shape)} if {' && '.join(terms)}{after}"

    def without_field(self, node: Node, mutant: Mutant) -> str:
        start, body = self.offset(mutant.start), node.child_by_field_name("body")
        field = next(child for child in body.children if child.start_byte == start)
        name, inner = self.span(node.child_by_field_name("name")), self.inside(body, skip=field)
        return name + " " + re.sub(r"(?<=[{,])(\s*),", r"\1", inner, count=1)


def upward(node: Node | None, fits) -> Node:
    while node is not None and not fits(node):
        node = node.parent
    if node is None:
        raise Unswitchable("its place was not found")
    return node


def is_constant(node: Node) -> bool:
    if node.type in ("const_item", "static_item", "const_block", "enum_variant", "array_type", "macro_definition"):
        return True
    modifiers = next((child for child in node.children if child.type == "function_modifiers"), None)
    return node.type == "function_item" and modifiers is not None and b"const" in modifiers.text.split()
