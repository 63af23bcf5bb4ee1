"""Chromium without a window, which reaches no other machine, for tests of pages."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import needs

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; files that it downloads go to browser.downloads."""
    needs(CHROMIUM and DRIVER, "Chromium and its driver", "BROWSER")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update",
                 "--disable-sync", "--hide-scrollbars", "--force-prefers-reduced-motion",
                 "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory() as folder:
        options.add_experimental_option("prefs", {"download.default_directory": folder})
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        driver.downloads = Path(folder)
        yield driver
        driver.quit()


def emulate(browser: Any, width: int, scheme: str) -> None:
    """Show pages so wide, and in a scheme of colours: light or dark."""
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )


def severe(browser: Any) -> list[str]:
    """Errors of the console since they were last asked for."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
