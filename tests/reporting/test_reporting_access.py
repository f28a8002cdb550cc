"""The report of a real run is accessible and self-contained."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from tiny_experiment import experiment_writer, settings, write_tiny_labels

from mmrec.experiment import run_experiment
from mmrec.reporting.plots.svg import DARK, LIGHT

CSS = Path(__file__).parents[2] / "mmrec" / "reporting" / "templates" / "report.css"
VOID = {"meta", "br", "wbr", "hr", "img", "link", "input", "use", "path"}
MODELS = {
    "MostPop": {},
    "LightGCNM": settings(epochs=4),
    "LATTICE": settings(lr=[0.01, 0.02], l_m=[0.1, 0.9], top_k=4, epochs=4),
}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def all(self, *tags: str) -> list[Node]:
        """Descendants in order."""
        found = []
        for child in self.children:
            found += [child] * (child.tag in tags) + child.all(*tags)
        return found

    @property
    def words(self) -> str:
        return " ".join([self.text, *(child.words for child in self.children)]).strip()


class Tree(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.place = Node("", {}, None)
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.place)
        self.place.children.append(node)
        if tag not in VOID:
            self.place = node

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.place.tag == tag
            assert self.place.parent is not None
            self.place = self.place.parent

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        self.place.text += data


@pytest.fixture(scope="module")
def html(figures: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("access")
    write = experiment_writer(folder)
    write_tiny_labels(folder / "data" / "tiny")
    path = write(
        MODELS,
        report={"titles": "../data/{0}/titles.tsv", "pictures": "../data/{0}/pictures"},
        evaluation={"simple_metrics": ["Recall"], "cutoffs": [3, 5], "paired_ttest": True},
    )
    return run_experiment(path, progress=False).report.read_text()


@pytest.fixture(scope="module")
def page(html: str) -> Node:
    return Tree(html).root


def test_nothing_is_loaded_from_elsewhere(html: str, page: Node) -> None:
    assert "//" not in re.sub(r'(?:href|src)="data:[^"]*"', "", html).replace("<!DOCTYPE", "")
    assert not page.all("script", "link", "iframe", "object", "embed", "form")
    assert all(x.attributes["src"].startswith("data:") for x in page.all("img"))
    assert "@import" not in html
    (policy,) = [
        meta.attributes["content"]
        for meta in page.all("meta")
        if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    ids = [
        node.attributes["id"]
        for node in page.all(*{n.tag for n in everything(page)})
        if "id" in node.attributes
    ]
    assert len(ids) == len(set(ids))
    for node in everything(page):
        for name in ("aria-labelledby", "aria-describedby"):
            assert node.attributes.get(name, ids[0]) in ids
        for name in ("href", "xlink:href"):
            link = node.attributes.get(name, "data:")
            assert link.startswith("data:") or link.removeprefix("#") in ids


def everything(node: Node) -> list[Node]:
    return [x for child in node.children for x in (child, *everything(child))]


def test_headings_and_landmarks(page: Node) -> None:
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("title")[0].words
    assert [len(page.all(tag)) for tag in ("main", "header", "nav", "h1")] == [1, 1, 1, 1]
    heights = [int(node.tag[1]) for node in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert heights[0] == 1
    assert all(low <= high + 1 for high, low in pairwise(heights))
    skip = page.all("a")[0]
    assert skip.attributes["href"] == f"#{page.all('main')[0].attributes['id']}"
    words = [node.words for node in page.all("h2", "h3")]
    for wanted in ("Results", "Significance", "Users", "Popular and rare items", "Time and memory"):
        assert wanted in words


def test_tables_have_captions_headers_and_downloads(page: Node) -> None:
    tables = page.all("table")
    assert len(tables) > 10
    for table in tables:
        (caption,) = table.all("caption")
        assert caption.words
        heads = table.all("th")
        assert {head.attributes.get("scope") for head in heads} <= {"row", "col"}
        assert all(head.words for head in heads)
        box = table.parent
        assert box is not None
        assert box.attributes["tabindex"] == "0"  # it scrolls
        assert box.attributes["aria-label"] == caption.words
    links = [a for a in page.all("a") if "download" in a.attributes]
    sheets = [a for a in links if a.words.startswith("CSV")]
    assert len(sheets) == len(tables)
    for table, link in zip(tables, sheets, strict=True):
        kind, _, text = link.attributes["href"].partition(",")
        assert kind == "data:text/csv;charset=utf-8"
        rows = list(csv.reader(io.StringIO(unquote(text))))
        assert len(rows) == len(table.all("tr"))
        assert rows[0][0] == table.all("th")[0].words
    papers = [a for a in links if a not in sheets]
    assert len(papers) == len(tables) - len(page.all("figure"))
    assert all(unquote(a.attributes["href"]).count(r"\begin{tabular}") == 1 for a in papers)


def test_every_figure_has_a_name_a_caption_and_its_data(page: Node) -> None:
    figures = page.all("figure")
    # Users, popularity at two cutoffs, accuracy over seconds and parameters, curves of both models;
    # curves of LightGCNM; curves, weights, heat map of LATTICE.
    assert len(figures) == 10
    for figure in figures:
        assert figure.all("figcaption")[0].words
        (image,) = figure.all("img")
        assert len(image.attributes["alt"]) > 20
        assert len(figure.all("details")[0].all("tr")) > 2


def test_items_are_lists_with_headings_and_named_pictures(page: Node) -> None:
    (section,) = [
        x for x in page.all("section") if x.attributes.get("aria-labelledby") == "recommendations"
    ]
    assert [node.words.split()[0] for node in section.all("h3")] == ["User"] * 3
    names = {node.attributes["id"]: node.words for node in section.all("h4")}
    lists = section.all("ol", "ul")
    assert len(lists) == len(names) == 3 * (2 + len(MODELS))
    for listed in lists:
        assert names.pop(listed.attributes["aria-labelledby"])
        assert listed.attributes["role"] == "list"  # browsers drop it with the list style
    pictures = [svg for svg in section.all("svg") if svg.all("use")]
    assert pictures
    for picture in pictures:
        assert picture.attributes["role"] == "img"
        assert picture.parent is not None
        (name,) = (x for x in picture.parent.all("span") if x.attributes.get("class") == "name")
        assert picture.attributes["aria-label"] == name.words == name.attributes["title"]
    for hit in (x for x in section.all("li") if x.attributes.get("class") == "hit"):
        assert "\N{CHECK MARK}" in hit.all("strong")[0].words  # not by colour alone
    assert any("no picture" in item.words for item in section.all("li"))


def test_links_and_summaries_have_unique_names(page: Node) -> None:
    downloads = [a.words for a in page.all("a") if "download" in a.attributes]
    assert all(": " in words for words in downloads)
    summaries = [node.words for node in page.all("summary")]
    assert len(summaries) == len(set(summaries))


def palettes() -> list[dict[str, str]]:
    css = CSS.read_text()
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)) for part in (light, dark)]
    assert found[0].keys() == found[1].keys()
    return found


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_colours_have_contrast(palette: dict[str, str]) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    texts = [("ground", x) for x in ("ink", "quiet", "accent", "error")]
    texts += [("accent-ground", "accent"), ("accent-ground", "quiet"), ("accent-ground", "ink")]
    texts += [("warning-ground", "warning"), ("warning-ground", "ink")]
    for ground, text in texts:
        assert contrast(palette[ground], palette[text]) >= 4.5, (ground, text)


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_colours_of_figures_have_contrast(number: int) -> None:
    ground = palettes()[number]["ground"]
    ink, *lines = (LIGHT, DARK)[number]
    assert ink == palettes()[number]["ink"]
    for line in lines:
        assert contrast(ground, line) >= 3, line
    # The numbers of a heat map are on at most 46 % of its colour over the ground.
    over, under = (bytes.fromhex(colour[1:]) for colour in (lines[0], ground))
    mixed = [round(0.46 * a + 0.54 * b) for a, b in zip(over, under, strict=True)]
    assert contrast(f"#{bytes(mixed).hex()}", ink) >= 4.5
