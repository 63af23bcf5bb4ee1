"""The page in the hands of people: what they draw, choose, start and stop, in any order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from browsing import emulate
from demo_page import IDLE, element, looked_after, wait
from randprop.show.browser import english

# Corners of the strokes, in pixels of the canvas of 280.
STROKES = {
    2: [(80, 90), (100, 60), (150, 45), (195, 70), (195, 115), (150, 165), (80, 230), (210, 230)],
    5: [(200, 50), (105, 50), (95, 125), (150, 112), (200, 145), (195, 205), (140, 235), (85, 215)],
    7: [(70, 60), (205, 60), (170, 120), (130, 240)],
}


def test_drawing(opened, browser):
    from selenium.webdriver import ActionChains

    opened()
    ink = element(browser, "#ink")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", ink)
    scale = ink.size["width"] / 280
    for digit, corners in STROKES.items():
        looked_after(browser, element(browser, "#clear").click)
        assert element(browser, "#paper-says").text == english()["draw.nothing"]
        at = [(round((x - 140) * scale), round((y - 140) * scale)) for x, y in corners]
        actions = ActionChains(browser, duration=20)
        actions.move_to_element_with_offset(ink, *at[0]).click_and_hold()
        for (x0, y0), (x1, y1) in pairwise(at):
            actions.move_by_offset(x1 - x0, y1 - y0)
        looked_after(browser, actions.release().perform)
        wait(browser, f"document.getElementById('paper-says').textContent === '{digit}'")
        wait(browser, f"document.getElementById('useful-says').textContent === '{digit}'")


def test_wrong_file(browser, demo_folder, tmp_path):
    browser.get("about:blank")
    browser.get((demo_folder / "demo.html").as_uri() + "#paper?data=all")
    wait(browser, "document.documentElement.dataset.ready")
    element(browser, "#start").click()
    wait(browser, "!document.getElementById('choose').hidden")
    other = tmp_path / "other.gz"
    other.write_bytes(b"no gzip")
    element(browser, "#file").send_keys(str(other))
    wait(browser, "document.getElementById('status').textContent.startsWith('This file is not')")
    assert element(browser, "#start").is_enabled()


def test_stop(served, browser):
    served("#paper?data=all&layers=15&width=1568")
    element(browser, "#start").click()
    wait(browser, "document.getElementById('progress').value > 0.01")
    element(browser, "#stop").click()
    wait(browser, IDLE)
    assert element(browser, "#status").text == "Stopped."
    # What comes next is not stopped.
    served("#paper?layers=0")
    element(browser, "#start").click()
    wait(browser, IDLE)
    assert "0 hidden layers on 9,000 images" in element(browser, "#status").text


def test_address_brings_settings_back(opened, browser):
    state = (
        "#paper?layers=4&width=392&bits=4&inputs=8&activation=sign&seed=12&readouts=ridge,neighbors"
        "&depth=1&example=17&channels=64&units=64&theme=dark"
    )
    opened(state)

    def value(selector):
        return element(browser, selector).get_attribute("value")

    def output(name):
        return element(browser, f'output[for="{name}"]').text

    shown = [output(name) for name in ("layers", "width", "bits", "inputs", "depth", "channels")]
    assert shown == ["4", "392", "4", "8", "1", "64"]
    assert output("units") == "64"
    assert [value(f"#{name}") for name in ("activation", "seed", "example", "theme")] == [
        "sign", "12", "17", "dark",
    ]  # fmt: skip
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('[name=readout]')].filter(b => b.checked)"
        ".map(b => b.value)"
    )
    assert boxes == ["ridge", "neighbors"]
    assert browser.execute_script("return location.hash") == state
    element(browser, "#reset").click()
    assert browser.execute_script("return location.hash") == (
        "#paper?depth=1&example=17&channels=64&units=64&theme=dark"
    )


def test_nonsense_in_the_address(served, browser):
    served("#nowhere?layers=99&width=x&seed=-1&readouts=magic&depth=&example=5000&more=1")
    assert element(browser, 'output[for="layers"]').text == "15"
    assert element(browser, "#seed").get_attribute("value") == "0"
    assert element(browser, "#example").get_attribute("value") == "0"


def test_keyboard_alone(served, browser):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    served()
    reached = []
    for _ in range(80):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.append(browser.switch_to.active_element.get_attribute("id"))
    controls = browser.execute_script(
        "return [...document.querySelectorAll('button:enabled, input, select, canvas[tabindex]')]"
        ".filter(e => e.offsetParent !== null && !['radio', 'checkbox'].includes(e.type))"
        ".map(e => e.id)"
    )
    assert set(controls) <= set(reached)
    ink = element(browser, "#ink")
    ink.send_keys(Keys.DELETE)
    # A one: down the middle.
    looked_after(
        browser,
        lambda: ink.send_keys(
            *[Keys.ARROW_UP] * 9, Keys.SPACE, *[Keys.ARROW_DOWN] * 18, Keys.SPACE
        ),
    )
    wait(browser, "document.getElementById('useful-says').textContent === '1'")
    element(browser, "#layers").send_keys(Keys.HOME)
    element(browser, "#start").send_keys(Keys.ENTER)
    wait(browser, "document.getElementById('status').textContent.includes('9,000 images')")


# Pictures of a seven, by its ink from 0 to 1, as a browser gets them: colours and transparency.
PICTURES = {
    "dark on light": lambda ink: 255 - 255 * ink,
    "light on dark": lambda ink: 255 * ink,
    "dark on gray": lambda ink: 120 - 50 * ink,
    "white on nothing": lambda ink: np.stack([255 + 0 * ink, 255 * ink], axis=-1),
    "black on nothing": lambda ink: np.stack([0 * ink, 255 * ink], axis=-1),
    "huge": lambda ink: np.kron(255 - 255 * ink, np.ones((15, 15))),
    "tiny": lambda ink: 255 - 255 * ink[::8, ::8],
}


def choose_picture(browser, path):
    element(browser, "#picture").send_keys(str(path))


def test_own_picture(served, browser, mnist, tmp_path):
    from PIL import Image

    served()
    ink = np.pad(np.kron(mnist.X_test[0].reshape(28, 28) / 255, np.ones((8, 8))), 40)
    for kind, picture in PICTURES.items():
        Image.fromarray(picture(ink).astype(np.uint8)).save(tmp_path / "seven.png")
        looked_after(browser, element(browser, "#clear").click)
        assert element(browser, "#useful-says").text == english()["draw.nothing"]
        looked_after(browser, lambda: choose_picture(browser, tmp_path / "seven.png"))
        is_inverted = kind in ("dark on light", "dark on gray", "huge", "tiny")
        note = "Dark ink on light paper: inverted." if is_inverted else ""
        assert (element(browser, "#drawn").text, kind) == (note, kind)
        assert (element(browser, "#useful-says").text, kind) == ("7", kind)


def test_pictures_without_a_digit(served, browser, tmp_path):
    from PIL import Image

    served()
    paper = np.random.default_rng(0).integers(230, 251, (300, 200)).astype(np.uint8)
    Image.fromarray(paper).save(tmp_path / "paper.png")
    choose_picture(browser, tmp_path / "paper.png")
    wait(browser, "document.getElementById('drawn').textContent.startsWith('No ink')")
    nothing = english()["draw.nothing"]
    wait(browser, f"document.getElementById('useful-says').textContent === '{nothing}'")
    (tmp_path / "none.png").write_text("no picture")
    choose_picture(browser, tmp_path / "none.png")
    wait(browser, "document.getElementById('drawn').textContent.startsWith('This file is no')")


def draw_a_line(browser):
    """Draw by keys, and return the pixels that the network sees."""
    from selenium.webdriver.common.keys import Keys

    ink = element(browser, "#ink")
    ink.send_keys(Keys.DELETE)
    looked_after(browser, lambda: ink.send_keys(Keys.SPACE, *[Keys.ARROW_DOWN] * 9, Keys.SPACE))


def pixels_seen(browser):
    return browser.execute_script("return document.getElementById('pixels').toDataURL()")


def test_drawing_stays_where_only_the_address_changes(served, browser):
    served()
    draw_a_line(browser)
    browser.execute_script("document.activeElement.blur()")
    seen = pixels_seen(browser)
    looked_after(browser, lambda: browser.execute_script("location.hash = '#paper?width=98'"))
    assert element(browser, 'output[for="width"]').text == "98"
    assert pixels_seen(browser) == seen
    looked_after(browser, browser.back)
    assert element(browser, 'output[for="width"]').text == "784"
    assert pixels_seen(browser) == seen


def test_drawing_from_before_the_network_is_there(served, browser):
    script = """addEventListener('DOMContentLoaded', () => {
      const key = (key) => document.getElementById('ink').dispatchEvent(
        new KeyboardEvent('keydown', {key}));
      [' ', ...Array(9).fill('ArrowDown'), ' '].forEach(key);
      window.early = ['start', 'climb', 'fit', 'means-file'].map(
        (id) => document.getElementById(id).disabled);
      document.getElementById('next').click();
      document.getElementById('theme').dispatchEvent(new Event('change'));
    });"""
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        served()
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    assert browser.execute_script("return window.early") == [True] * 4
    assert element(browser, "#drawn").text == ""  # no "It is a 7."
    assert element(browser, "#useful-says").text == "1"
    assert element(browser, "#start").is_enabled()
    assert not element(browser, "#notice").is_displayed()


def test_second_finger_and_right_button_draw_nothing(served, browser):
    served()
    looked_after(browser, element(browser, "#clear").click)
    browser.execute_script(
        """const ink = document.getElementById('ink');
        const press = (options) => ink.dispatchEvent(new PointerEvent('pointerdown',
          {pointerId: 1, clientX: 100, clientY: 100, isPrimary: true, ...options}));
        press({pointerId: 2, isPrimary: false});
        press({button: 2});
        window.blank = !ink.getContext('2d').getImageData(0, 0, 280, 280).data.some(Boolean);"""
    )
    assert browser.execute_script("return window.blank")


# --- while something is computed ---


def choose(browser, name, place):
    """Move a slider."""
    browser.execute_script(
        "const slider = document.getElementById(arguments[0]); slider.value = arguments[1];"
        "slider.dispatchEvent(new Event('input'))",
        name,
        place,
    )


def test_a_run_is_of_what_was_set_at_its_start(served, browser):
    served("#paper?layers=1&width=392&readouts=centroids,neighbors")
    element(browser, "#start").click()
    choose(browser, "width", 0)
    choose(browser, "layers", 0)
    element(browser, "[value=ridge]").click()
    wait(browser, IDLE)
    names = browser.execute_script(
        "return [...document.querySelectorAll('#numbers tr:first-child th')].slice(1)"
        ".map(cell => cell.textContent)"
    )
    assert names == ["Class means, 392, 8 bit, step", "Nearest neighbour, 392, 8 bit, step"]
    assert "1 hidden layers on 9,000" in element(browser, "#status").text


def test_each_curve_has_a_look_of_its_own(served, browser):
    served("#paper?layers=0&width=98&readouts=centroids,ridge,neighbors")
    for place in (0, 1):
        choose(browser, "bits", place)
        element(browser, "#start").click()
        wait(browser, IDLE)
    looks = browser.execute_script(
        "return [...document.querySelectorAll('#chart .legend svg')].map(key => key.innerHTML)"
    )
    assert len(looks) == 7  # and the theory
    assert len(set(looks)) == 7


def test_what_goes_wrong_is_said(served, browser):
    served()
    browser.execute_script(
        "const file = document.getElementById('download'); file.disabled = false; file.click()"
    )
    wait(browser, "!document.getElementById('notice').hidden")
    assert element(browser, "#notice").text.startswith("Something went wrong.")
    browser.get_log("browser")  # has it too


def test_a_note_says_which_digits_the_theory_is_for(served, browser):
    served("#paper?layers=0&width=98")
    note = element(browser, "#theory-note").text
    assert "the 8,000 + 1,000 digits inside this page need not lie on it" in note
    assert "theory, all of MNIST, 98, step" in element(browser, "#chart").text
    choose(browser, "inputs", 1)  # no theory is drawn
    assert not element(browser, "#theory-note").is_displayed()
    served("#paper?layers=0&width=98&data=all")
    assert not element(browser, "#theory-note").is_displayed()


def test_inputs_leave_no_bits_to_choose(served, browser):
    served("#paper?layers=0&width=98&inputs=4&bits=1")
    assert not element(browser, "#bits").is_enabled()
    element(browser, "#start").click()
    wait(browser, IDLE)
    name = "document.querySelector('#numbers th:nth-child(2)').textContent"
    assert browser.execute_script(f"return {name}") == "Class means, 98, 4 inputs, step"
    choose(browser, "inputs", 0)
    assert element(browser, "#bits").is_enabled()


def test_data_chosen_during_a_run_outlive_its_stop(served, browser):
    served("#paper?layers=15&width=1568")
    element(browser, "#start").click()
    element(browser, "[value=all]").click()
    # On their way to the worker, which is at work.
    wait(browser, "document.documentElement.dataset.sent === 'all'")
    element(browser, "#stop").click()
    wait(browser, IDLE)
    choose(browser, "layers", 0)
    choose(browser, "width", 0)
    element(browser, "#start").click()
    wait(browser, IDLE)
    assert "0 hidden layers on 70,000 images" in element(browser, "#status").text


def test_stop_while_data_are_loaded(served, browser):
    served("#paper?layers=0&data=all")
    browser.execute_script(
        "document.getElementById('start').click(); document.getElementById('stop').click()"
    )
    wait(browser, IDLE)
    assert element(browser, "#status").text == "Stopped."


def test_a_run_shuts_out_others_and_can_be_stopped(served, browser):
    served("#paper?layers=15&width=1568")
    element(browser, "#start").click()
    for name in ("start", "climb", "fit", "means-file", "halt"):
        assert not element(browser, f"#{name}").is_enabled()
    assert element(browser, "#stop").is_enabled()
    element(browser, "#stop").click()
    wait(browser, IDLE)
    assert element(browser, "#status").text == "Stopped."


def test_model_file_is_of_the_units_that_are_shown(served, browser):
    served("#device?units=16")
    element(browser, "#fit").click()
    choose(browser, "units", 1)
    wait(browser, IDLE)
    assert not element(browser, "#download").is_enabled()
    assert element(browser, "#fitted").text == ""
    choose(browser, "units", 0)
    assert element(browser, "#download").is_enabled()
    assert element(browser, "#fitted").text.startswith("Fitted to 8,000 digits")


def test_ladder_without_its_data_says_where_to_choose_them(browser, demo_folder):
    browser.get("about:blank")
    browser.get((demo_folder / "demo.html").as_uri() + "#useful?data=all")
    wait(browser, "document.documentElement.dataset.ready")
    element(browser, "#climb").click()
    wait(browser, IDLE)
    assert element(browser, "#climbing").text == english()["paper.missing"]
    assert element(browser, "#choose").is_displayed()


# --- for everyone ---


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 3840])
def test_accessible_and_never_wider_than_the_window(served, browser, width, scheme):
    from axe_core_python.selenium import Axe

    served()
    emulate(browser, width, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    overflow = browser.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0
    found = Axe().run(browser)
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
