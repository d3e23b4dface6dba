"""A real browser: headless Chromium, driven as a reader would use a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

PROGRAM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
)
"""Nothing but the page: no start of services that look for a network."""


class Reader:
    """Somebody with a pointer and a keyboard."""

    def __init__(self, driver: WebDriver) -> None:
        self._driver = driver

    def open(self, file: Path) -> None:
        self._driver.get(file.as_uri())

    def errors(self) -> list[str]:
        """What the browser complains about."""
        return [entry["message"] for entry in self._driver.get_log("browser")]  # pyright: ignore[reportAttributeAccessIssue]

    def fetched(self) -> list[str]:
        """What the page asked for beside itself."""
        return self._driver.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")

    def button(self, text: str, within: str = "#losses") -> WebElement:
        (found,) = (each for each in self.all(f"{within} button") if each.text == text)
        return found

    def gate(self, name: str, value: str) -> WebElement:
        (found,) = self.all(f"#gates button[data-gate='{name}'][data-value='{value}']")
        return found

    def all(self, selector: str) -> list[WebElement]:
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    def text_in(self, box: str, text: str) -> WebElement:
        """A line in a box of the picture."""
        (found,) = (each for each in self.all(f"#{box} text") if each.text == text)
        return found

    def point_at(self, element: WebElement) -> None:
        ActionChains(self._driver).move_to_element(element).perform()

    def look_away(self) -> None:
        self.point_at(self.all(".help")[0])

    def escape(self) -> None:
        ActionChains(self._driver).send_keys(Keys.ESCAPE).perform()

    def lit(self) -> set[str]:
        """Boxes that are lit, by identifier; empty where nothing is dimmed."""
        if not self.all("#sheet svg.lit"):
            return set()
        return {str(each.get_attribute("id")) for each in self.all("#sheet svg .node.on")}

    def facts(self) -> list[str]:
        return self.all("#facts")[0].text.splitlines()


@contextmanager
def reading() -> Iterator[Reader]:
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAM or ""
    for argument in QUIET:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Reader(driver)
    finally:
        driver.quit()
