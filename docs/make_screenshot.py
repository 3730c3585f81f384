"""Take the README's picture: the page of `streamtrack demo` in a real browser.

    python docs/make_screenshot.py http://127.0.0.1:8080/ docs/page.png

Needs `streamtrack demo` running, Chromium and the `dev` extra.
"""

from __future__ import annotations

import argparse
import shutil
import time

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PLAY_S = 60.0
"""For the page to load and the video to start."""
SETTLE_S = 8.0
"""From a played first second to a steady rate in the page's figures."""


def main() -> None:
    """Open the page, wait for video, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("picture")
    options = parser.parse_args()
    browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser_path is None:
        parser.error(f"none of {', '.join(BROWSERS)} is installed")
    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="dark")
        page.goto(options.address)
        deadline = time.monotonic() + PLAY_S
        # Asked again and again from here: the page's security policy lets nobody evaluate strings in it.
        while page.evaluate("() => document.querySelector('video').currentTime") < 1:
            if time.monotonic() > deadline:
                parser.error(f"{options.address} did not play within {PLAY_S:.0f} s")
            time.sleep(0.2)
        page.keyboard.press("1")  # the first object is selected, as after a click on it
        time.sleep(SETTLE_S)
        page.screenshot(path=options.picture)
        browser.close()


if __name__ == "__main__":
    main()
