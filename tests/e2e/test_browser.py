"""The pages in a real Chromium: they draw, they fit, and they work with a keyboard and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import pages_of

WIDTHS = (1280, 390)


def watch(page: Page) -> list[str]:
    """Return a list that fills with whatever the browser complains about."""
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url} failed"))
    return complaints


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_draws_and_fits(page: Page, site, width):
    address, sample = site
    complaints = watch(page)
    page.set_viewport_size({"width": width, "height": 900})
    for path in pages_of(sample):
        page.goto(address + path)
        plots = page.locator("[data-chart]").count()
        expect(page.locator("[data-chart] canvas")).to_have_count(plots)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} scrolls sideways at {width}"
        assert complaints == [], path


@pytest.mark.parametrize(("path", "charts"), [("/reserves/{reserve}/", 2), ("/league/", 1), ("/tails/", 3)])
def test_charts_hold_ink(page: Page, site, path, charts):
    address, sample = site
    page.goto(address + path.format(reserve=sample.reserve.pk))
    page.wait_for_selector("[data-chart] canvas")
    inked = page.evaluate(
        """[...document.querySelectorAll('[data-chart] canvas')].map((canvas) => {
            const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            return bytes.filter((byte, index) => index % 4 === 3 && byte > 0).length;
        })"""
    )
    assert len(inked) == charts
    assert min(inked) > 1_000


def test_the_menu_opens_by_keyboard_on_a_phone(page: Page, site):
    address, _ = site
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(address)
    menu, link = page.get_by_role("button", name="Menu"), page.get_by_role("link", name="Executor", exact=True)
    expect(link).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    link.click()
    expect(page).to_have_url(f"{address}/executor/")
    expect(page.locator("h1")).to_have_text("Executor")


def test_the_first_tab_stop_leads_to_the_content(page: Page, site):
    address, _ = site
    page.goto(address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_a_visitor_walks_from_the_overview_to_the_evidence(page: Page, site):
    address, sample = site
    page.goto(address)
    page.get_by_role("link", name="WETH parameters").click()
    page.get_by_role("link", name="Go to the proposal").click()
    expect(page.locator("h1")).to_contain_text("WETH")
    page.locator("#evidence a").first.click()
    expect(page).to_have_url(f"{address}/evidence/{sample.recommendation.evidence.hash}/")
    with page.expect_download() as download:
        page.get_by_role("link", name="The hashed bytes").click()
    assert download.value.suggested_filename.endswith(".json")


def test_a_chart_has_its_numbers_and_their_csv_beside_it(page: Page, site):
    address, sample = site
    page.goto(f"{address}/reserves/{sample.reserve.pk}/")
    figure = page.locator("figure").first
    figure.get_by_text("Numbers behind this chart").click()
    expect(figure.get_by_role("cell").first).to_be_visible()
    with page.expect_download() as download:
        figure.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "breakwater-drop.csv"


def test_without_scripts_everything_can_be_read_and_reached(browser: Browser, site):
    address, sample = site
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/proposals/{sample.executed.pk}/")
    expect(page.get_by_role("link", name="Executor", exact=True)).to_be_visible()
    expect(page.get_by_text("WETH liquidation threshold", exact=True)).to_be_visible()
    expect(page.locator(".copy").first).to_be_hidden()
    page.goto(f"{address}/forecasts/")
    page.get_by_text("Numbers behind this chart").first.click()
    expect(page.locator("figure td").first).to_be_visible()
    context.close()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_text_stands_out_from_its_ground_in_both_schemes(browser: Browser, site, scheme, dark):
    address, sample = site
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}/proposals/{sample.active.pk}/")
    rows = page.evaluate(
        """() => {
            const light = (colour) => {
                const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
                    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = (element) => {
                for (let at = element; at; at = at.parentElement) {
                    const colour = getComputedStyle(at).backgroundColor;
                    if (!colour.endsWith(', 0)')) return light(colour);
                }
                return 1;
            };
            const texts = document.querySelectorAll('h1, h2, p, a, dt, dd, th, td, .badge, .what, .as-of');
            return [...texts].map((element) => {
                const [a, b] = [light(getComputedStyle(element).color), ground(element)].sort((x, y) => y - x);
                return [(a + 0.05) / (b + 0.05), element.className || element.tagName, ground(document.body)];
            });
        }"""
    )
    assert (rows[0][2] < 0.2) is dark
    faint = [row for row in rows if row[0] < 4.5]
    assert faint == []
    context.close()


def test_a_filter_keeps_the_others(page: Page, site):
    address, _ = site
    page.goto(f"{address}/league/?horizon=7d")
    page.get_by_role("link", name="XRP", exact=True).click()
    expect(page).to_have_url(f"{address}/league/?horizon=7d&asset=XRP#asset")
    expect(page.get_by_role("heading", name="XRP, 7 days ahead")).to_be_visible()
