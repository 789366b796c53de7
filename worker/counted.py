"""Numbers of things, in words that fit."""


def counted(count: int, thing: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def swallowed(lines: int) -> str:
    """That rejected rows run on over what looks like rows."""
    look = "line that looks like a row" if lines == 1 else "lines that look like rows"
    return f"an open quote has taken {lines:,} {look} into rejected ones"
