"""The page of results: each benchmark writes its own section and leaves the others."""

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def put(text: str, heading: str, page: Path = PAGE) -> None:
    """Replaces the section of `heading` ("## Name") by `text`, or adds it at the end."""
    before = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    head, _, rest = before.partition(f"{heading}\n")
    _, more, tail = rest.partition("\n## ")
    page.write_text(f"{head.rstrip()}\n\n{text}{more}{tail}", encoding="utf-8")
