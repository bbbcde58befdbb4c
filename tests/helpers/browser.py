"""A headless Chromium, driven by its own driver; absent where either is not installed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
DRIVER = shutil.which("chromedriver")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def require_browser() -> None:
    """Skip the test, by name, where there is no Chromium with its driver."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no chromium with chromedriver here: apt-get install chromium chromium-driver")
    pytest.importorskip("selenium", reason="selenium is not installed")


@contextmanager
def browser() -> Iterator[Any]:
    """Give a driver of a fresh Chromium, without a network."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(DRIVER, log_output=os.devnull))
        try:
            yield driver
        finally:
            driver.quit()


def set_mode(driver: Any, mode: str) -> None:
    """Have pages shown in ``light`` or ``dark`` mode, as the system's setting would."""
    look = [{"name": "prefers-color-scheme", "value": mode}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": look})


def resize(driver: Any, width: int, height: int) -> None:
    """Give the page a viewport of this size, as a phone or a desktop has."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
