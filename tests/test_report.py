"""The report in a browser: no error, every figure there, light and dark, wide and narrow."""

from __future__ import annotations

import copy
import re

import pytest

from browsing import emulate, severe
from randprop.study import EXPERIMENTS, report


@pytest.fixture(scope="module")
def page(known_numbers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return report.write(
        folder,
        known_numbers["numbers"],
        EXPERIMENTS,
        seeds=2,
        command="randprop study --seeds 2",
        seconds={"accuracy": 1.0},
    )


def test_page_stands_alone(page):
    text = page.read_text()
    # Only the link to the paper, and namespaces of SVG, name another place.
    places = set(re.findall(r'(?:href|src)="(https?://[^"]+)"', text))
    assert places == {"https://arxiv.org/abs/2409.03760"}
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:url\(#|xlink:href="#)([^")]+)', text))
    assert used <= set(ids)


def test_text_is_escaped(known_numbers, tmp_path):
    numbers = {"datasets": {**known_numbers["numbers"]["datasets"], "missing": {"kmnist": "<b>&"}}}
    page = report.write(tmp_path, numbers, EXPERIMENTS, seeds=1, command="x <y>", seconds={})
    text = page.read_text()
    assert "&lt;b&gt;&amp;" in text
    assert "x &lt;y&gt;" in text
    assert "<b>&" not in text


def test_one_seed_has_no_interval(known_numbers, tmp_path):
    """With `known_numbers` as if they were of one seed: nothing says that there is a band."""
    numbers = {"accuracy": copy.deepcopy(known_numbers["numbers"]["accuracy"])}
    found = numbers["accuracy"]["accuracy"]
    found |= {"n_seeds": 1, "sd": [None] * len(found["sd"]), "ci95": [None] * len(found["ci95"])}
    page = report.write(tmp_path, numbers, EXPERIMENTS, seeds=1, command="x", seconds={})
    for text in (page.read_text(), (tmp_path / "findings.md").read_text()):
        assert "(one seed, so there is no interval)." in text
        assert "One seed, so there is no interval." in text
        assert not re.search("confidence|seeds 0 to 0|1 seeds", text)
    assert ", one seed, so there is no interval). The" in (tmp_path / "findings.md").read_text()
    assert "<dt>seeds</dt><dd>0</dd>" in page.read_text()


def luminance(color):
    red, green, blue = map(int, re.findall(r"\d+", color)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_in_chromium(browser, page, known_numbers, scheme, width):
    from selenium.webdriver.common.by import By

    emulate(browser, width, scheme)
    browser.get(page.as_uri())
    figures = browser.find_elements(By.CSS_SELECTOR, "figure svg")
    assert len(figures) >= 13
    for figure in figures:
        assert figure.size["width"] > 150
        assert figure.size["height"] > 100
    # The page itself never scrolls sideways.
    overflow = browser.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0
    body = browser.find_element(By.TAG_NAME, "body")
    paper, ink = (
        luminance(body.value_of_css_property(name)) for name in ("background-color", "color")
    )
    assert (paper > 230 and ink < 60) if scheme == "light" else (paper < 40 and ink > 200)
    label = browser.find_element(By.CSS_SELECTOR, "#figure-accuracy svg text")
    assert abs(luminance(label.value_of_css_property("fill")) - paper) > 120
    assert severe(browser) == []


def test_tables_sort(browser, page):
    from selenium.webdriver.common.by import By

    browser.get(page.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    table = browser.find_element(By.ID, "table-accuracy")
    heads = table.find_elements(By.TAG_NAME, "th")

    def column(index):
        cells = table.find_elements(By.CSS_SELECTOR, f"tbody td:nth-child({index + 1})")
        return [float(cell.get_attribute("data-value")) for cell in cells]

    means = column(1)
    heads[1].click()
    assert column(1) == sorted(means)
    heads[1].click()
    assert column(1) == sorted(means, reverse=True)
    assert heads[1].get_attribute("aria-sort") == "descending"
    heads[0].click()
    assert column(0) == list(range(16))
    assert severe(browser) == []
