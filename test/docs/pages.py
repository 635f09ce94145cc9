"""The pages of the documentation: their blocks, commands, tables and code spans."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "siamdw_ros" / "weights" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
    if not {"generated", "_build"} & set(path.relative_to(ROOT).parts)
)
# The line before a block that cannot be run, with the reason.
MARKER = re.compile(r"<!-- not run here: \S.*-->")
BLOCK = re.compile(
    r"(?P<before>[^\n]*)\n(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)\n *```", re.S
)
SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: path of the page, relative to the repository.
        line: of the fence, from 1.
        language: behind the fence.
        text: its lines, without indentation.
        marked: whether the page states that it was not run.
    """

    page: str
    line: int
    language: str
    text: str
    marked: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Return the blocks in some languages, of all pages."""
    return [block for page in PAGES for block in _blocks(page) if block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    text = "\n" + page.read_text()
    for found in BLOCK.finditer(text):
        indent = found["indent"]
        lines = [line.removeprefix(indent) for line in found["text"].split("\n")]
        line = text.count("\n", 0, found.start("language"))
        marked = bool(MARKER.search(found["before"]))
        yield Block(str(page.relative_to(ROOT)), line, found["language"], "\n".join(lines), marked)


def commands(text: str) -> list[list[str]]:
    """Return the commands of a shell block, in words, without comments.

    Raises:
        ValueError: a quotation is not closed.
    """
    found = []
    waiting = ""
    for line in text.replace("\\\n", " ").split("\n"):
        waiting += line
        try:
            words = shlex.split(waiting, comments=True)
        except ValueError:  # the quotation goes on in the next line
            waiting += "\n"
            continue
        waiting = ""
        found += _parts(words)
    if waiting:
        raise ValueError(f"not closed: {waiting}")
    return found


def _parts(words: list[str]) -> Iterator[list[str]]:
    """Split at && and leave out what only shows how to go on: [OPTION], ... and &."""
    part: list[str] = []
    for word in [*words, "&&"]:
        if word in ("&&", "&", ";"):
            while part and re.match(r"[A-Z_]+=", part[0]):  # variables of the environment
                part.pop(0)
            if part:
                yield part
            part = []
        elif word not in ("...", "...]"):
            optional = re.fullmatch(r"\[(-.*?)\]?", word)
            part.append(optional.group(1) if optional else word)


def spans(page: Path) -> list[str]:
    """Return the code spans in the prose of a page."""
    prose = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.S | re.M)
    return [re.sub(r"\s+", " ", span) for span in SPAN.findall(prose)]


def rows(page: Path, *heading: str) -> Iterator[list[str]]:
    """Return the rows of the tables of a page that begin with some headings."""
    inside = False
    for line in page.read_text().split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif tuple(cells[: len(heading)]) == heading:
            inside = True
        elif inside and not set(cells[0]) <= set("- :"):
            yield cells


def names(cell: str) -> list[str]:
    """Return the code spans of a cell."""
    return SPAN.findall(cell)
