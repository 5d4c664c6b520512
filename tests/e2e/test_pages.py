"""Every page over the sample and over an empty database: what it says, and what it must never contain."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tomllib
from html.parser import HTMLParser

import pytest

from forecasting.models import AccountState, Reserve
from governance.domain.units import WAD
from governance.env import ROOT
from governance.models import Coverage, Incident, Verification
from proposals.models import Recommendation
from tests.e2e.conftest import pages_of

LISTS = (
    "/",
    "/reserves/",
    "/accounts/",
    "/liquidations/",
    "/forecasts/",
    "/models/",
    "/league/",
    "/tails/",
    "/lab/",
    "/warning/",
    "/datasets/",
    "/recommendations/",
    "/proposals/",
    "/outcomes/",
    "/policy/",
    "/executor/",
)
FROM_FILES = ("/league/", "/tails/", "/warning/", "/datasets/prices/")


class Reader(HTMLParser):
    """Collects what the tests look at."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def fetch(client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, f"{path}: {response.status_code}"
    return response.content.decode()


def test_every_page_is_whole(client, sample):
    for path in pages_of(sample):
        read = Reader(fetch(client, path))
        ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
        assert len(read.all("h1")) == 1, path
        assert len(ids) == len(set(ids)), f"{path}: an id is used twice"
        assert all(name in ids for _, attrs in read.tags for name in (attrs.get("aria-labelledby") or "").split()), path
        assert all(attrs.get("alt") is not None for attrs in read.all("img")), path
        assert all(attrs.get("aria-label") for _, attrs in read.tags if attrs.get("role") == "img"), path


def test_no_page_needs_what_the_security_policy_forbids(client, sample):
    for path in pages_of(sample):
        read = Reader(fetch(client, path))
        assert not [
            attrs for _, attrs in read.tags if "style" in attrs or any(name.startswith("on") for name in attrs)
        ], path
        inline = [
            attrs for attrs in read.all("script") if "src" not in attrs and attrs.get("type") != "application/json"
        ]
        assert not inline, path
        links = [attrs.get("src") or attrs.get("href") or "" for attrs in (*read.all("script"), *read.all("link"))]
        assert all(link.startswith("/static/") for link in links if link), path


def test_every_answer_carries_the_security_policy(client, sample):
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy


def test_numbers_say_as_of_which_block(client, sample):
    for path in pages_of(sample):
        text = fetch(client, path)
        files = path.startswith(FROM_FILES) or path == f"/models/{sample.contender.pk}/"
        words = "data to" if files else "as of block"  # what came from files has no block
        assert words in text or path.startswith(("/drafts/", "/policy/")), path


def test_every_table_downloads_as_csv_under_the_filters_of_its_page(client, sample):
    found = set()
    for path in pages_of(sample):
        for link in re.findall(r'href="(\?[^"]*csv=[\w-]+)"', fetch(client, path)):
            address = path.partition("?")[0] + link.replace("&amp;", "&")
            response = client.get(address)
            assert response.status_code == 200, address
            assert response["Content-Type"].startswith("text/csv"), address
            rows = list(csv.reader(io.StringIO(response.content.decode())))
            assert len(rows) > 1, address
            assert len({len(row) for row in rows}) == 1, address
            found.add(link.rpartition("=")[2])
    assert {"accounts", "liquidations", "votes", "candidates", "changes", "metrics", "drop", "fan"} <= found


def test_csv_holds_exact_values_and_keeps_the_filter(client, sample):
    everyone = client.get("/accounts/?below=2&csv=accounts").content.decode().splitlines()
    few = client.get("/accounts/?below=1.02&csv=accounts").content.decode().splitlines()
    assert len(few) < len(everyone)
    row = dict(zip(few[0].split(","), few[1].split(","), strict=True))
    assert re.fullmatch(r"1\d{18}", row["Health factor"])


def test_spreadsheets_take_no_text_of_strangers_for_a_formula(client, sample):
    sample.active.votes.update(reason="=HYPERLINK(1)")
    text = client.get(f"/proposals/{sample.active.pk}/?csv=votes").content.decode()
    assert "'=HYPERLINK(1)" in text
    assert ",=HYPERLINK" not in text


def test_a_table_that_the_page_does_not_have_is_not_found(client, sample):
    assert client.get("/accounts/?csv=nonsense").status_code == 404


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_database_says_what_to_do(client, db, path):
    text = fetch(client, path)
    assert 'class="empty"' in text
    assert "make demo" in text or "manage.py" in text


def test_status_works_before_anything_was_collected(client, db):
    assert "Nothing is collected yet" in fetch(client, "/status/")


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/",
        "/accounts/nonsense/",
        "/proposals/999/",
        "/evidence/0x" + "0" * 64 + "/",
        "/reserves/999/",
        "/models/999/",
        "/league/?run=999",
        "/lab/999/",
        "/datasets/prices/nobody/",
    ],
)
def test_addresses_that_lead_nowhere_are_explained(client, db, path):
    response = client.get(path)
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


def test_pages_only_read(client, sample):
    for path in ("/", "/executor/", f"/proposals/{sample.executed.pk}/"):
        assert client.post(path).status_code == 405


def test_a_strangers_text_stays_text(client, sample):
    text = fetch(client, f"/proposals/{sample.active.pk}/")
    read = Reader(text)
    assert "<strong>borrowing</strong>" in text
    assert "&lt;script&gt;alert(1)" in text
    assert not read.all("img")
    assert not [attrs for attrs in read.all("a") if str(attrs.get("href")).startswith("javascript:")]
    outside = [attrs for attrs in read.all("a") if str(attrs.get("href")).startswith("https://")]
    assert outside
    assert all("nofollow" in str(attrs.get("rel")) for attrs in outside)


def test_a_strangers_proposal_is_named_as_such(client, sample):
    assert "Nobody approved this proposal here" in fetch(client, f"/proposals/{sample.active.pk}/")
    assert "Nobody approved this proposal here" not in fetch(client, f"/proposals/{sample.executed.pk}/")


def test_a_proposal_shows_what_changes_in_units_and_what_was_read_back(client, sample):
    text = fetch(client, f"/proposals/{sample.executed.pk}/")
    assert re.search(r">81 %</data>.*?>82 %</data>.*?8100 → 8200 \(2 decimals\).*?Verified", text, re.DOTALL)
    assert "configureReserveAsCollateral" in text
    assert "75,000 tokens" in text
    assert "quorum is reached" in text


def test_the_evidence_page_serves_the_bytes_that_were_hashed(client, sample):
    report = sample.recommendation.evidence
    body = client.get(f"/evidence/{report.hash}.json").content
    assert f"0x{hashlib.sha256(body).hexdigest()}" == report.hash
    assert report.hash in sample.executed.description
    assert "The proposal&#x27;s text names this hash." in fetch(client, f"/evidence/{report.hash}/")


def test_a_text_that_names_other_evidence_is_flagged(client, sample):
    wrong = sample.executed.description.replace(sample.recommendation.evidence.hash, "0x" + "ab" * 32)
    type(sample.executed).objects.filter(pk=sample.executed.pk).update(description=wrong)
    assert "The evidence does not match" in fetch(client, f"/proposals/{sample.executed.pk}/")


def test_an_account_is_found_by_part_of_its_address(client, sample):
    address = f"/accounts/?below=2&address={sample.account[5:15].lower()}"
    assert f'href="/accounts/{sample.account}/"' in fetch(client, address)
    whole = client.get(f"/accounts/?address={sample.account.lower()}")
    assert (whole.status_code, whole["Location"]) == (302, f"/accounts/{sample.account}/")
    assert len(client.get(f"{address}&csv=accounts").content.decode().splitlines()) == 2


@pytest.mark.parametrize("text", ["7", "0", "\N{ARABIC-INDIC DIGIT ONE}", "999999999999", "-1", "x"])
def test_a_window_that_is_not_offered_falls_back(client, sample, text):
    chosen = re.search(r'href="\?days=(\d+)#reserves-title"\s+aria-current', fetch(client, f"/?days={text}"))
    assert chosen
    assert chosen[1] == ("7" if text == "7" else "30")


def test_pages_ask_the_database_a_bounded_number_of_questions(client, sample, django_assert_max_num_queries):
    for path in pages_of(sample):
        with django_assert_max_num_queries(45):
            fetch(client, path)


def test_load_balancers_get_an_answer(client, db):
    assert client.get("/healthz").content == b"ok\n"


def test_metrics_tell_how_old_everything_is_and_no_secret(client, sample):
    text = client.get("/metrics").content.decode()
    for name in ("price", "snapshot", "model"):
        assert re.search(rf'^breakwater_{name}_age_seconds{{deployment="market"}} \d', text, re.MULTILINE)
    assert 'breakwater_node_quarantined{chain="31337",node="third.node.example"} 1.0' in text
    assert "://" not in text


@pytest.mark.parametrize(("kind", "words"), [("gap", "be collected completely"), ("deep-reorg", "stands still")])
def test_a_hole_in_history_is_said_on_every_page_that_depends_on_it(client, sample, kind, words):
    detail = "No node gave an acceptable answer."
    Incident.objects.create(chain=sample.market.chain, kind=kind, first=8_001, last=8_500, detail=detail)
    for path in pages_of(sample):
        text = fetch(client, path)
        assert (words in " ".join(text.split())) is not path.startswith("/policy/"), path
    assert detail in fetch(client, "/status/")
    assert "All quiet" not in fetch(client, "/")


def test_the_status_page_names_holes_of_the_ledger(client, sample):
    assert "The ledger is whole" in fetch(client, "/status/")
    Coverage.objects.filter(first=0, last__lt=9_000).update(last=7_000)
    text = fetch(client, "/status/")
    assert "The ledger has holes" in text
    assert client.get("/status/?csv=gaps").content.decode().splitlines()[1].endswith(",7001,8000,1000")
    assert "do not continue" in fetch(client, "/status/").replace("that the held headers ", "")


def test_a_search_that_abstained_says_so(client, sample):
    found = sample.recommendation
    found.pk = None
    found.status, found.seed = "abstained", 99
    found.baseline, found.candidates, found.chosen = {}, [], {}
    found.findings = [{"level": "block", "code": "freshness", "message": "The last price is 9 hours old.", "facts": {}}]
    found.volatility_model = found.cascade_model = None
    found.save(force_insert=True)
    text = fetch(client, f"/recommendations/{found.pk}/").replace("\N{NO-BREAK SPACE}", " ")
    assert "The search abstained" in text
    assert "The last price is 9 hours old." in text
    assert "Abstained" in fetch(client, "/recommendations/")


def test_a_change_that_waits_is_not_hidden_by_a_newer_search_for_another_reserve(client, sample):
    done = sample.recommendation
    proposal = done.draft.onchain
    page = " ".join(fetch(client, f"/reserves/{done.reserve_id}/").split())
    assert re.search(rf'carried out by <a href="/proposals/{proposal.pk}/" ?>proposal ', page)
    assert "carried out by a proposal" in " ".join(fetch(client, "/").split())
    others = list(Reserve.objects.exclude(pk=done.reserve_id)[:2])
    for seed, (reserve, status) in enumerate(zip(others, ("recommended", "change_nothing"), strict=True), start=90):
        found = Recommendation.objects.get(pk=done.pk)
        found.pk, found.reserve, found.status, found.seed = None, reserve, status, seed
        found.created_timestamp += seed
        found.save(force_insert=True)
    page = fetch(client, "/")
    places = [page.index(f">{reserve.symbol} parameters<") for reserve in (*others, done.reserve)]
    assert places == sorted(places)


def test_the_footer_names_the_version_of_the_project(client, db):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"Breakwater {version}." in " ".join(fetch(client, "/policy/").split())


def test_what_needs_a_look_comes_first(client, sample):
    assert "All quiet" in fetch(client, "/")
    AccountState.objects.filter(account=sample.account).update(health_factor=WAD - 1)
    step = sample.executed.steps.get(step="execute")
    Verification.objects.create(
        step=step, index=9, label="x", unit="bps", expected=1, actual=2, ok=False, block_number=1
    )
    text = fetch(client, "/")
    assert "1 account owing" in text
    assert "Expectations that do not hold on chain after execution: 1." in text
    assert "All quiet" not in text
