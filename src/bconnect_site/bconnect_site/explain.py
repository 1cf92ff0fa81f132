"""Shows the merged settings of a site and, beside each, the layer it came from."""

from datetime import date
from typing import Any

from bconnect_site.fields import mask_secrets
from bconnect_site.loaded import LoadedSite, flatten
from bconnect_site.yamlfile import dotted

MAX_VALUE = 60


def explain(loaded: LoadedSite) -> list[tuple[str, str, str]]:
    """Every setting as (dotted key, value as text, origin), in the order of the model.

    Values from the environment stay ``${NAME}``: no secret is ever read here.
    """
    rows: list[tuple[str, str, str]] = []
    for key, value in flatten(loaded.to_plain()):
        name = dotted(key)
        rows.append((name, _text(value), loaded.origins.get(name, "default")))
    return rows


def format_explanation(rows: list[tuple[str, str, str]], *, full: bool = False) -> str:
    """The rows as aligned columns; long values cut unless full."""
    shown = [(key, value if full else _cut(value), origin) for key, value, origin in rows]
    keys = max((len(key) for key, _, _ in shown), default=0)
    values = max((len(value) for _, value, _ in shown), default=0)
    return "\n".join(f"{key:<{keys}}  {value:<{values}}  {origin}" for key, value, origin in shown)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 3] + "..."


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # Every digit that was written, but 10 rather than 10.0.
        return repr(value).removesuffix(".0")
    if isinstance(value, int | date):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) + "}"
    return mask_secrets(str(value))
