"""The explanation report: one HTML file that holds everything it shows, in English and Chinese."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType

import jinja2
from markupsafe import Markup

from data.atomic import whole_file
from explanations.explanation import Explanation
from explanations.report.palette import CHART_CONFIG, FONTS, MUTED
from explanations.report.plain import page_markdown, report_tables, table_csv
from explanations.report.schemes import in_variables, scheme_css
from explanations.report.section import Build, Section, Subject
from explanations.report.sections import SECTIONS
from explanations.report.vega import vega_script
from explanations.report.words import Language, Text, say, say_of

TEMPLATES = Path(__file__).parent / "templates"
STYLES = ("report.css", "cases.css")
SCRIPTS = ("cases.js", "report.js")
TABLES = "tables"
"""Folder of the report's tables as CSV."""
MARKDOWN: dict[Language, str] = {"en": ".md", "zh": ".zh.md"}
"""How the names of the report's texts in Markdown end."""
PICTURES = {"conflict-map": "conflict_map.png", "contrast": "contrast.png"}
"""Charts of which `explanations.report.figures` leaves a picture."""


@dataclass(frozen=True)
class Laid:
    """A section as it stands on the page."""

    name: str
    html: Markup


def write_report(explanation: Explanation, path: Path, cache_folder: Path | None = None) -> None:
    """Writes the report to `path`, and beside it as Markdown and its tables as CSV.

    The same explanation gives the same bytes.
    """
    subject = Subject(explanation)
    sections = _built(subject, SECTIONS)
    write_page(sections, say("page.title"), path, cache_folder, subject.undated, PICTURES)


def write_page(
    sections: Mapping[str, Section],
    title: Text,
    path: Path,
    cache_folder: Path | None = None,
    undated: bool = False,
    pictures: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Writes a page of sections to `path`, and beside it as Markdown and its tables as CSV.

    Args:
        sections: The sections by name, in their order.
        title: What the page is called.
        path: The page.
        cache_folder: Where the page's scripts are kept for later pages.
        undated: Whether the book has clients for requests.
        pictures: Path of a chart's picture, by the chart's name, where there is one.
    """
    files = {path: sections_html(sections, title, undated, cache_folder)}
    for language, ending in MARKDOWN.items():
        files[path.with_suffix(ending)] = page_markdown(sections, title, undated, language, pictures)
    for name, table in report_tables(sections).items():
        files[path.parent / TABLES / f"{name}.csv"] = table_csv(table)
    for place, text in files.items():
        place.parent.mkdir(exist_ok=True)
        with whole_file(place) as aside:
            aside.write_text(text, encoding="utf-8", newline="\n")


def page_html(
    explanation: Explanation, builds: Mapping[str, Build], title: Text, cache_folder: Path | None = None
) -> str:
    """A page of some sections of an explanation, under a title."""
    subject = Subject(explanation)
    return sections_html(_built(subject, builds), title, subject.undated, cache_folder)


def _built(subject: Subject, builds: Mapping[str, Build]) -> dict[str, Section]:
    """The sections for which the book has something, by name in their order."""
    built = {name: build(subject) for name, build in builds.items()}
    return {name: section for name, section in built.items() if section is not None}


def sections_html(
    sections: Mapping[str, Section], title: Text, undated: bool = False, cache_folder: Path | None = None
) -> str:
    """A page of any sections, under a title; `undated` where the book has clients for requests."""
    environment = _environment(undated)
    page: dict[str, object] = {
        "title": {"en": title.en, "zh": title.zh},
        "config": in_variables(CHART_CONFIG),
        "charts": {
            name: in_variables(specs) for section in sections.values() for name, specs in _specs(section)
        },
    }
    for section in sections.values():
        page |= section.data
    style = "\n".join(("", scheme_css(), f":root {{ --fonts: {FONTS}; }}", *map(_text_of, STYLES)))
    scripts = [vega_script(cache_folder), "\n".join(map(_text_of, SCRIPTS))]
    return environment.get_template("report.html").render(
        sections=[Laid(name, _laid_out(environment, name, section)) for name, section in sections.items()],
        page_title=title,
        menu=len(sections) > 2,
        page_data=script_json(page),
        style=style,
        scripts=scripts,
        security=security_policy(style, scripts),
    )


def security_policy(style: str, scripts: Sequence[str]) -> str:
    """What a browser lets the page do: run these scripts, no others and none made from text; ask no network.

    Charts and bars set their widths and colours in attributes, so these may hold styles; a browser that knows no rule
    of its own for attributes goes by `style-src`.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_digest, scripts)) or _NONE}",
            f"style-src-elem {_digest(style)}",
            "style-src-attr 'unsafe-inline'",
            "style-src 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


_NONE = "'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def script_json(value: object) -> str:
    """JSON that can stand inside a script element whatever its strings hold."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _specs(section: Section) -> list[tuple[str, object]]:
    return [*((chart.name, chart.specs) for chart in section.charts.values()), *section.specs.items()]


def _laid_out(environment: jinja2.Environment, name: str, section: Section) -> Markup:
    template = environment.get_template(f"sections/{name}.html")
    # Of a template that escapes whatever it is given.
    return Markup(template.render(charts=section.charts, **section.said))  # noqa: S704


def _text_of(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment(undated: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=in_variables,
    )
    environment.globals |= {"say": partial(say_of, undated), "colours": {"muted": MUTED}}
    return environment
