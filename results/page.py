"""Writes one self-contained page from a template: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .folder import write_whole

if TYPE_CHECKING:
    from .report_plots import Plot

__all__ = ["embedded", "write_page"]


def write_page(path: Path, template: str, context: Mapping[str, Any]) -> Path:
    """Fill a template of `results/templates`, and give the page's path.

    Parameters
    ----------
    path : Path
        Its folder is there.
    template : str
        File name. A name that the context lacks is an error; text is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("results"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return write_whole(path, environment.get_template(template).render(context))


def embedded(drawn: Iterable[Plot]) -> dict[str, Any]:
    """Give what a page needs for its plots.

    Returns
    -------
    dict
        `plot_script`, `plot_divs` (by the plot's key), and `plot_library`: Bokeh without its
        widgets.
    """
    figures = {plot.key: plot.figure for plot in drawn}
    if not figures:
        return {"plot_script": "", "plot_divs": {}, "plot_library": ""}
    from bokeh.embed import components
    from bokeh.resources import Resources

    script, divs = components(figures)
    library = Resources(mode="inline", components=["bokeh"]).render()
    return {"plot_script": script, "plot_divs": divs, "plot_library": library}
