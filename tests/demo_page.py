"""The browser page opened in Chromium, from a file and from a server, for tests of it."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler

import pytest

from browsing import emulate, severe
from helpers import serving, wait_until
from randprop import datasets
from randprop.demo import demo

# Images inside the page.
N_TRAIN, N_TEST = 8000, 1000
IDLE = "document.documentElement.dataset.busy === '0'"


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    demo(folder / "demo.html", data=True)
    return folder


@pytest.fixture(scope="session")
def mnist():
    return datasets.load_mnist()


@pytest.fixture(scope="module")
def demo_address(demo_folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with serving(partial(Quiet, directory=demo_folder)) as root:
        yield f"{root}demo.html"


def wait(browser, condition):
    wait_until(lambda: browser.execute_script(f"return {condition}"))


def element(browser, selector):
    from selenium.webdriver.common.by import By

    return browser.find_element(By.CSS_SELECTOR, selector)


def looks(browser):
    return int(browser.execute_script("return document.documentElement.dataset.looked || 0"))


def looked_after(browser, act):
    """Act, and wait until the page has looked at what came of it."""
    before = looks(browser)
    act()
    wait(browser, f"document.documentElement.dataset.looked > {before}")


def _opening(browser, address):
    def open_page(state=""):
        emulate(browser, 1280, "light")
        browser.get("about:blank")
        severe(browser)
        browser.get(address + state)
        wait(browser, "document.documentElement.dataset.ready")
        wait(browser, "document.documentElement.dataset.looked")

    return open_page


@pytest.fixture(params=["file", "server"])
def opened(request, browser, demo_folder, demo_address):
    """Give a function that opens the page, from both places."""
    is_file = request.param == "file"
    open_page = _opening(browser, (demo_folder / "demo.html").as_uri() if is_file else demo_address)
    open_page.is_file = is_file
    yield open_page
    assert severe(browser) == []


@pytest.fixture
def served(browser, demo_address):
    """Give a function that opens the page from a server."""
    yield _opening(browser, demo_address)
    assert severe(browser) == []
