"""The report in a real browser: layers, zoom, sorting, a phone's width, and nothing from outside."""

import json
import shutil

import pytest
from scenes.report import HOSTILE, write_run

from litho_dl.report.page import LAYER_TITLES, write_report

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver; install both"),
]
LAPTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    return write_report(write_run(tmp_path_factory.mktemp("run"))).as_uri()


@pytest.fixture
def page(browser, address):
    """The report, freshly opened on a laptop; after each test no error may be on the console."""
    browser.get_log("browser")
    opened(browser, address, LAPTOP)
    yield browser
    assert browser.get_log("browser") == []


def opened(browser, address: str, size: tuple[int, int]) -> None:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(address)


def found(page, selector: str):
    return page.find_element("css selector", selector)


def all_found(page, selector: str):
    return page.find_elements("css selector", selector)


def view_box(page) -> list[float]:
    return [float(part) for part in page.execute_script("return stage.getAttribute('viewBox')").split()]


def column(page, index: int) -> list[str]:
    return [row.text.split()[0] for row in all_found(page, f"#scores tbody tr > :nth-child({index})")]


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_fits_the_screen(page, address, size):
    opened(page, address, size)
    assert page.execute_script("return innerWidth") == size[0]
    assert page.execute_script("return document.documentElement.scrollWidth") <= size[0]


def test_fetches_nothing(page, address):
    page.get_log("performance")
    page.get(address)
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [address]


def test_hostile_names_are_text(page):
    assert HOSTILE in [heading.text for heading in all_found(page, ".card h3")]
    assert not all_found(page, 'img[src="x"]')


@pytest.mark.parametrize("layer", LAYER_TITLES)
def test_a_toggle_hides_its_layer_and_no_other(page, layer):
    def visible() -> set[str]:
        display = "return getComputedStyle(document.querySelector('.layer.' + arguments[0])).display"
        return {name for name in LAYER_TITLES if page.execute_script(display, name) != "none"}

    everything = visible()
    found(page, f".bar .toggle.{layer}").click()
    assert everything - visible() == {layer}
    assert not found(page, f"#viewer .toggle.{layer} input").is_selected()
    found(page, f".bar .toggle.{layer}").click()
    assert visible() == everything


def test_zoom_opens_zooms_moves_and_closes(page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.keys import Keys

    found(page, ".card .open").click()
    stage = found(page, "#stage")
    assert found(page, "#viewer").is_displayed()
    assert found(page, "#viewer-title").text == "plain"
    whole = view_box(page)
    ActionChains(page).scroll_from_origin(ScrollOrigin.from_element(stage, 100, 50), 0, -400).perform()
    near = view_box(page)
    assert near[2] < 0.8 * whole[2]
    assert near[3] / near[2] == pytest.approx(whole[3] / whole[2])
    ActionChains(page).drag_and_drop_by_offset(stage, 120, 60).perform()
    per_pixel = near[2] / stage.size["width"]
    assert view_box(page)[:2] == pytest.approx([near[0] - 120 * per_pixel, near[1] - 60 * per_pixel], abs=per_pixel)
    found(page, "[data-act=fit]").click()
    assert view_box(page) == pytest.approx(whole)
    ActionChains(page).send_keys("+").perform()
    assert view_box(page)[2] == pytest.approx(whole[2] / 1.5)
    ActionChains(page).send_keys(Keys.ESCAPE).perform()
    assert not found(page, "#viewer").is_displayed()
    assert page.switch_to.active_element == found(page, ".card .open")


def test_the_pointer_says_where_it_is(page):
    from selenium.webdriver.common.action_chains import ActionChains

    found(page, ".card .open").click()
    ActionChains(page).move_to_element(found(page, "#stage")).perform()
    x, y = (float(part.split()[-1]) for part in found(page, "#place").text.removesuffix(" nm").split(","))
    assert (x, y) == pytest.approx((51, 50), abs=1)  # the middle of target and prints
    width, label = found(page, "#scale i").size["width"], found(page, "#scale b").text
    pixels_per_nm = found(page, "#stage").size["height"] / (1.4 * 102)
    assert width / float(label.split()[0]) == pytest.approx(pixels_per_nm, rel=0.05)


def test_pictures_open_too_and_the_next_follows(page):
    found(page, "button[aria-label='Enlarge raster.png']").click()
    assert found(page, "#stage image").get_attribute("transform").endswith("scale(1 -1)")
    found(page, "[data-act=next]").click()
    assert found(page, "#viewer-title").text == "plain"
    assert len(all_found(page, "#stage .layer")) == 5
    found(page, "[data-act=close]").click()
    assert not found(page, "#viewer").is_displayed()


def test_a_site_opens_its_clip_there(page):
    page.execute_script("document.querySelector('tr[data-clip] .link').click()")
    assert found(page, "#viewer-title").text == HOSTILE
    x, y, width, height = view_box(page)
    corner_x, corner_y = 51 - 0.7 * 102, 50 - 0.7 * 102
    assert ((x + width / 2) / 10 + corner_x, 1.4 * 102 - (y + height / 2) / 10 + corner_y) == pytest.approx((100, 40))


def test_headings_sort(page):
    heading = found(page, "#scores thead th:nth-child(2)")
    assert column(page, 2) == ["30,000", "9,000"]
    heading.find_element("tag name", "button").click()
    assert (column(page, 2), heading.get_attribute("aria-sort")) == (["9,000", "30,000"], "ascending")
    heading.find_element("tag name", "button").click()
    assert (column(page, 2), heading.get_attribute("aria-sort")) == (["30,000", "9,000"], "descending")
    assert found(page, "#scores tfoot th").text == "mean"


def test_every_control_has_a_name(page):
    unnamed = """return [...document.querySelectorAll('button, input')]
        .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim())).length"""
    assert page.execute_script(unnamed) == 0
