"""The tables of a page of `docs/benchmarks`: read, and written row by row."""

from pathlib import Path


PAGES = Path(__file__).parent.parent / "docs" / "benchmarks"


def cells(line: str) -> list[str]:
    """What stands in a row of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(text: str) -> list[dict[str, str]]:
    """Every row of every table, its cells by the head of their column."""
    found, head = [], None
    for line in text.splitlines():
        if not line.startswith("|"):
            head = None
        elif head is None:
            head = cells(line)
        elif set(line) - set("|-: "):
            found.append(dict(zip(head, cells(line), strict=True)))
    return found


def with_row(text: str, head: str, row: str) -> str:
    """The page with a row in the table of that head, for the one of the same name."""
    lines = text.splitlines()
    first = last = lines.index(head) + 2
    while last < len(lines) and lines[last].startswith("|"):
        last += 1
    names = [cells(line)[0] for line in lines[first:last]]
    name = cells(row)[0]
    at = first + names.index(name) if name in names else last
    lines[at : at + (name in names)] = [row]
    return "\n".join(lines) + "\n"


def put_row(page: str, head: str, *values: object) -> None:
    """Write a row into a page that has a table of that head, and print it."""
    row = f"| {' | '.join(map(str, values))} |"
    print(row, flush=True)
    file = PAGES / page
    file.write_text(with_row(file.read_text(), head, row))
