"""The browser page in Chromium: its size, the paper's experiment on all of MNIST, live bits."""

from __future__ import annotations

import gzip
import shutil
import statistics
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness import Bench, main, not_installed
from randprop.demo import DATA_FILE, demo


def run(bench: Bench) -> None:
    """Measure what a visitor waits for."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = demo(folder / "demo.html", data=True)
        wasm = files("randprop.show").joinpath("page", "randprop.wasm").read_bytes()
        bench.table(
            "Sizes",
            [
                {"what": "the page", "KB": page.stat().st_size / 1000},
                {"what": "its WebAssembly, gzip", "KB": len(gzip.compress(wasm, 9)) / 1000},
                {
                    "what": f"{DATA_FILE} beside it",
                    "KB": (folder / DATA_FILE).stat().st_size / 1000,
                },
            ],
        )
        browser = _browser()
        if isinstance(browser, str):
            bench.table("In Chromium", [{"what": "everything", "why not": browser}])
            return
        try:
            _measure(bench, browser, page)
        finally:
            browser.quit()


def _browser() -> Any:
    """Return Chromium, or why there is none."""
    program, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if program is None or driver is None:
        return "no Chromium and its driver"
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        return not_installed("selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--force-prefers-reduced-motion"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(driver))


def _measure(bench: Bench, browser: Any, page: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    def wait(condition: str) -> None:
        WebDriverWait(browser, 300, poll_frequency=0.01).until(
            lambda _: browser.execute_script(f"return {condition}")
        )

    def times(name: str) -> list[float]:
        said: list[float] = browser.execute_script(
            f"return performance.getEntriesByName('{name}').map(e => e.duration)"
        )
        return said

    begun = time.perf_counter()
    browser.get(page.as_uri() + "#paper?data=all&layers=3")
    wait("document.documentElement.dataset.ready")
    ready = time.perf_counter() - begun
    start, status = browser.find_element(By.ID, "start"), browser.find_element(By.ID, "status")
    start.click()
    wait("!document.getElementById('choose').hidden")
    browser.find_element(By.ID, "file").send_keys(str(page.with_name(DATA_FILE)))
    wait("document.getElementById('choose').hidden")
    seconds = []
    for _ in range(bench.rounds):
        start.click()
        wait("document.documentElement.dataset.busy === '1'")
        wait("document.documentElement.dataset.busy === '0'")
        seconds.append(float(status.text.split()[-2]))
    ink = browser.find_element(By.ID, "ink")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", ink)
    looks = []
    for _ in range(bench.rounds):
        browser.find_element(By.ID, "clear").click()
        actions = ActionChains(browser, duration=8).move_to_element(ink).click_and_hold()
        for step in range(20):
            actions.move_by_offset(4 if step % 2 else -3, 3)
            actions.perform()
            looks += times("look")
            actions = ActionChains(browser, duration=8)
        actions.release().perform()
    bench.table(
        "In Chromium, one worker",
        [
            {"what": "from the address to the first bits, s", "median": ready, "least": ready},
            {
                "what": "0 to 3 hidden layers on all of MNIST, s",
                "median": statistics.median(seconds),
                "least": min(seconds),
            },
            {
                "what": "bits, scores and pictures of a drawing, ms",
                "median": statistics.median(looks),
                "least": min(looks),
            },
        ],
    )


if __name__ == "__main__":
    main(run)
