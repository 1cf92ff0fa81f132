"""The desk behind the pages: claims, decisions, the worker, media, papers."""

from __future__ import annotations

import io
import shutil
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from review_house import decide, maker_of, status, write_file

from bconnect_center.adapters.decisions import Decisions
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.adapters.queue import Filter, Queue
from bconnect_center.core.live import SiteCitation
from bconnect_center.core.review import Declined, Verdict
from bconnect_center.core.roles import Person, Role
from bconnect_center.web.desk import Desk
from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy
from bconnect_enforce.core.citation import Decision
from bconnect_site.kinds import CitationStatus, EvidenceKind

SECOND = 1_000_000_000
FOUR_EYES = "review: {four_eyes: true, undo: 10.0}\n"


@pytest.fixture
def centre_file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return write_file(tmp_path, getattr(request, "param", ""))


@pytest.fixture
def make(tmp_path: Path, house: Any, clock: Any) -> Callable[..., str]:
    made = maker_of(tmp_path)
    return lambda **kw: made.case(house, clock() - 3600 * SECOND, **({"clip_bytes": b"x"} | kw))


@pytest.fixture
def desk(house: Any) -> Desk:
    made = Desk(house)
    made.queue.follow()
    return made


def test_written_once_however_often_it_is_tried(desk: Desk, make: Any, clock: Any) -> None:
    number = make()
    desk.decisions.decide(number, "a", "A (a)", Verdict.REJECT, "bukan", clock())
    assert desk.decisions.write_due(clock()) == 0
    clock.pass_(11)
    other = Decisions(desk.house.database, desk.house.ledger, 10.0, False)
    waiting = desk.decisions.of_case(number)[0]
    other._write(waiting)  # two servers at once
    desk.decisions._write(waiting)
    assert len(desk.house.ledger.case(number).lines) == 2
    assert desk.decisions.of_case(number)[0].state == "written"
    assert desk.house.ledger.case(number).last.stamp == waiting.stamp


def test_a_ledger_that_is_away_loses_nothing(
    desk: Desk, make: Any, clock: Any, monkeypatch: Any
) -> None:
    number = make()
    desk.decisions.decide(number, "a", "A (a)", Verdict.REJECT, "bukan", clock())
    clock.pass_(11)
    with monkeypatch.context() as patched:

        def away(*_: Any) -> None:
            raise LedgerBusy("the ledger: locked")

        patched.setattr(Ledger, "review", away)
        with pytest.raises(LedgerBusy):
            desk.decisions.write_due(clock())
    with pytest.raises(Declined, match="too late"):
        desk.decisions.undo(desk.decisions.of_case(number)[0].id, "a", clock())
    desk.decisions.write_due(clock())
    assert status(desk.house, number) == "rejected"


def test_decided_elsewhere_meanwhile(desk: Desk, make: Any, clock: Any, centre: Any) -> None:
    number = make()
    client = centre.client("validator")
    answer = decide(client, number, "reject", reason="1")
    assert answer.status_code == 200
    elsewhere = Decision(number, CitationStatus.CONFIRMED, "Sari", "")
    desk.house.ledger.review(elsewhere, clock() + SECOND)
    clock.pass_(11)
    desk.decisions.write_due(clock())
    given = desk.decisions.of_case(number)[0]
    assert given.state == "refused" and "already confirmed by Sari" in given.told["sentence"]
    assert "your decision was not written" in client.get("/review").text
    answer = decide(client, number, "reject", reason="1")
    assert answer.status_code == 409 and "already confirmed by Sari" in answer.json()["detail"]


def test_a_case_its_site_decides_is_confirmed_once(
    desk: Desk, make: Any, clock: Any, centre: Any
) -> None:
    """Two ledgers, two numbers: who handed it over lets the centre decide, else the site does."""
    number, other = make(), make()
    store, ledger = LiveStore(desk.house.database), desk.house.ledger
    ids = {n: ledger.case(n).violation.id for n in (number, other)}

    def told(n: str, name: str, state: CitationStatus, at: int = 0) -> None:
        store.note_citations([SiteCitation(ids[n], "beruang_madu", name, state, clock() + at)])

    client = centre.client("validator")
    told(number, number, CitationStatus.PENDING_REVIEW)  # one ledger for both: nothing special
    assert "own number" not in client.get(f"/review/{number}").text
    assert decide(client, number, "confirm", sure=True).status_code == 200
    told(number, "BC-beruang_madu-2026-000777", CitationStatus.PENDING_REVIEW)
    clock.pass_(11)
    desk.decisions.write_due(clock())  # it was heard in the window in which one can undo
    assert status(desk.house, number) == "pending_review"
    assert "decides it itself" in desk.decisions.of_case(number)[0].told["sentence"]
    page = client.get(f"/review/{number}").text
    assert "own number BC-beruang_madu-2026-000777" in page and "cannot be confirmed" in page
    answer = decide(client, number, "confirm", sure=True)
    assert answer.status_code == 409 and "as BC-beruang_madu-2026-000777" in answer.text
    assert decide(client, number, "reject", reason="1").status_code == 200

    desk.folders.handed_over = lambda folder: True  # type: ignore[method-assign]
    told(other, "BC-beruang_madu-2026-000778", CitationStatus.CONFIRMED)
    told(other, "BC-beruang_madu-2026-000778", CitationStatus.PENDING_REVIEW, -5)  # older news
    assert "its site decides" in desk.cases.stops(ledger.case(other))
    told(other, "BC-beruang_madu-2026-000778", CitationStatus.WITHDRAWN, 5)
    assert desk.cases.stops(ledger.case(other)) == ""


def test_of_many_at_once_one_decides(desk: Desk, make: Any, clock: Any) -> None:
    number = make(pictures=False)

    def decide_as(name: str) -> str:
        try:
            return desk.decisions.decide(
                number, name, name, Verdict.REJECT, "bukan", clock()
            ).account
        except (Declined, LedgerBusy):
            return ""

    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(decide_as, ["a", "b", "c", "d"]))
    assert len([name for name in given if name]) == 1
    assert len(desk.decisions.of_case(number)) == 1


def test_undo_is_for_the_officer_and_in_time(desk: Desk, make: Any, clock: Any) -> None:
    number = make()
    given = desk.decisions.decide(number, "a", "A", Verdict.CONFIRM, "", clock())
    with pytest.raises(Declined, match="none of yours"):
        desk.decisions.undo(given.id, "b", clock())
    desk.decisions.undo(given.id, "a", clock())
    clock.pass_(11)
    assert desk.decisions.write_due(clock()) == 0
    assert status(desk.house, number) == "pending_review"
    desk.decisions.decide(number, "b", "B", Verdict.CONFIRM, "", clock())


def test_claims_end(desk: Desk, make: Any, clock: Any) -> None:
    number = make()
    assert desk.decisions.claim(number, "a", clock()).account == "a"
    assert desk.decisions.claim(number, "b", clock()).account == "a"
    clock.pass_(179)
    assert desk.decisions.claim(number, "b", clock()).account == "a"
    clock.pass_(2)
    assert desk.decisions.claim(number, "b", clock()).account == "b"
    desk.decisions.release(number, "b")
    ahead = desk.decisions.claim(number, "a", clock(), ahead=True)
    assert ahead.opened == 0
    clock.pass_(5)
    opened = desk.decisions.claim(number, "a", clock())
    clock.pass_(30)
    given = desk.decisions.decide(number, "a", "A", Verdict.REJECT, "x", clock())
    assert opened.opened and given.seconds == 30.0
    assert desk.decisions.seconds("a", 0) == [30.0]


@pytest.mark.parametrize("centre_file", [FOUR_EYES], indirect=True)
def test_four_eyes(centre: Any, make: Any, clock: Any, wait_for: Callable[..., Any]) -> None:
    number = make()
    centre.account("budi", Role.VALIDATOR)
    first, second = centre.client("validator"), centre.client("budi")
    answer = decide(first, number, "confirm", sure=True)
    assert answer.json()["state"] == "first"
    clock.pass_(60)
    assert status(centre.house, number) == "pending_review"
    answer = decide(first, number, "confirm", sure=True)
    assert answer.status_code == 409 and "another officer must agree" in answer.json()["detail"]
    assert first.get("/review/next", follow_redirects=False).headers["location"] == "/review"
    assert "needs a second officer (Validator)" in second.get("/review").text
    assert "Another officer must agree" in second.get(f"/review/{number}").text
    assert decide(second, number, "confirm", sure=True).json()["state"] == "waiting"
    clock.pass_(11)
    wait_for(lambda: status(centre.house, number) == "confirmed")
    by = centre.house.ledger.case(number).last.reviewer
    assert by == "Validator (validator); Budi (budi)"


@pytest.mark.parametrize("centre_file", [FOUR_EYES], indirect=True)
def test_one_is_enough_to_reject(desk: Desk, make: Any, clock: Any) -> None:
    number = make()
    desk.decisions.decide(number, "a", "A", Verdict.CONFIRM, "", clock())
    desk.decisions.decide(number, "b", "B", Verdict.REJECT, "bukan", clock())
    clock.pass_(11)
    desk.decisions.write_due(clock())
    assert status(desk.house, number) == "rejected"


def test_the_queue_follows_by_pieces_and_on_any_server(house: Any, make: Any, clock: Any) -> None:
    numbers = [make(pictures=False)]
    one, two = (Queue(house.database, house.ledger, lambda stamp: None) for _ in range(2))
    everybody = Person("x", Role.SUPERVISOR)
    two.freshen()  # a page does not begin it
    assert one.page(everybody, Filter(), clock()) == []
    assert one.follow()
    numbers += [make(pictures=False) for _ in range(4)]
    assert one.follow(2) and two.follow(2)
    assert len(one.page(everybody, Filter(), clock())) == 5
    assert one.follow(2) is False
    assert [w.number for w in two.page(everybody, Filter(), clock())] == numbers
    house.ledger.review(Decision(numbers[0], CitationStatus.REJECTED, "Sari", "x"), clock())
    two.freshen()
    assert [w.number for w in one.page(everybody, Filter(), clock(), most=2)] == numbers[1:3]
    after = one.page(everybody, Filter(), clock(), after=numbers[2])
    assert [w.number for w in after] == numbers[3:]
    far = Person("y", Role.VALIDATOR, sites=frozenset({"elsewhere"}))
    assert one.page(far, Filter(frozenset({"beruang_madu"})), clock()) == []
    assert one.count(far, Filter(), clock()) == (0, 0)


def test_a_queue_put_before_an_old_ledger(house: Any, make: Any, clock: Any) -> None:
    first, second, third = (make(pictures=False) for _ in range(3))
    house.ledger.review(Decision(first, CitationStatus.CONFIRMED, "Sari"), clock())
    house.ledger.review(Decision(third, CitationStatus.REJECTED, "Sari", "x"), clock())
    one, two = (Queue(house.database, house.ledger, lambda stamp: None) for _ in range(2))
    one.follow()
    two._begin()  # another server, a moment late
    everybody = Person("x", Role.SUPERVISOR)
    assert [w.number for w in two.page(everybody, Filter(), clock())] == [second]
    assert two.follow() is False


def test_sites_and_roles(centre: Any, make: Any) -> None:
    number = make()
    centre.account("jauh", Role.VALIDATOR, frozenset({"elsewhere"}))
    far = centre.client("jauh")
    digest = centre.house.ledger.case(number).violation.evidence[0].sha256
    for path in (
        f"/review/{number}",
        f"/api/review/{number}/files/{digest}",
        f"/api/review/{number}/clip",
        f"/api/review/{number}/referral/pdf",
    ):
        assert far.get(path).status_code == 404
    assert decide(far, number, "reject", reason="1").status_code == 404
    assert centre.client("operator").get(f"/review/{number}").status_code == 403
    assert centre.client("admin").get("/api/review/queue").status_code == 403
    assert centre.client().get("/api/review/queue").status_code == 401


def test_media_only_of_the_seal_and_noted(centre: Any, make: Any, tmp_path: Path) -> None:
    number = make()
    client = centre.client("validator")
    evidence = centre.house.ledger.case(number).violation.evidence
    scene = next(f for f in evidence if f.kind is EvidenceKind.SCENE)
    path = f"/api/review/{number}/files/{scene.sha256}"
    whole = client.get(path)
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["cache-control"] == "private, max-age=300"
    part = client.get(path, headers={"range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == whole.content[10:20]
    assert client.get(f"/api/review/{number}/files/{'0' * 64}").status_code == 404
    assert client.get(f"/api/review/{number}/files/..%2f..%2fkeys").status_code in (404, 422)
    acts = [(a.what, a.subject) for _, a in centre.house.audit.newest()]
    assert acts.count(("picture seen", number)) == 1  # twice in five minutes is once
    file = next(tmp_path.rglob("scene.jpg"))
    held = file.read_bytes()
    file.write_bytes(held[:-1] + b"\0")
    assert client.get(path).status_code == 404
    file.write_bytes(held)
    file.with_name("other.jpg").symlink_to("/etc/passwd")
    file.unlink()
    file.symlink_to(file.with_name("context_before.jpg"))
    assert client.get(path).status_code == 404


def test_papers_of_a_confirmed_case(centre: Any, make: Any, clock: Any) -> None:
    number = make()
    client = centre.client("supervisor")
    path = f"/api/review/{number}/referral"
    assert "only what an officer confirmed" in client.get(f"{path}/pdf").json()["detail"]
    centre.house.ledger.review(Decision(number, CitationStatus.CONFIRMED, "Sari"), clock())
    pdf = client.get(f"{path}/pdf")
    assert pdf.content.startswith(b"%PDF") and number in pdf.headers["content-disposition"]
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"{path}/zip").content))
    names = archive.namelist()
    assert any(name.endswith("release/scene.jpg") for name in names)
    assert not any(name.endswith(("clip.mp4", f"{number}/evidence/scene.jpg")) for name in names)
    assert [e.who for e in _events(centre.house)][-1] == "Supervisor (supervisor)"
    page = client.get(f"/review/{number}").text
    assert "release" in page or "Copies for outside" in page


def _events(house: Any) -> list[Any]:
    from bconnect_enforce.adapters.ledger.tables import events

    with house.ledger.reading() as c:
        return list(c.execute(events.select().order_by(events.c.line)))


def test_only_a_supervisor_withdraws(
    centre: Any, make: Any, clock: Any, wait_for: Callable[..., Any]
) -> None:
    number = make()
    boss = centre.client("supervisor")
    assert decide(boss, number, "withdraw", note="keliru").status_code == 409
    centre.house.ledger.review(Decision(number, CitationStatus.CONFIRMED, "Sari"), clock())
    assert decide(centre.client("validator"), number, "withdraw", note="x").status_code == 403
    assert decide(boss, number, "withdraw").status_code == 422
    assert decide(boss, number, "withdraw", note="pelat keliru").status_code == 200
    clock.pass_(11)
    wait_for(lambda: status(centre.house, number) == "withdrawn")
    assert "withdrawn" in boss.get("/review/done").text


def test_erased_evidence_is_said(centre: Any, make: Any, clock: Any, tmp_path: Path) -> None:
    from bconnect_enforce.adapters import evidence_store
    from bconnect_site.keys import Keyring

    number = make()
    root = tmp_path / "site" / "evidence"
    manifest = centre.house.ledger.case(number).violation.manifest
    evidence_store.erase(root, manifest, "on schedule", clock(), Keyring.open(root.parent / "keys"))
    client = centre.client("validator")
    assert "The evidence was erased" in client.get(f"/review/{number}").text
    answer = decide(client, number, "confirm", sure=True)
    assert answer.status_code == 409 and "erased" in answer.json()["detail"]
    shutil.rmtree(root)


@pytest.mark.parametrize(
    ("said", "status_", "sentence"),
    [
        ({"verdict": "reject"}, 422, "allowed: 1"),
        ({"verdict": "reject", "reason": "x"}, 422, "allowed: 1"),
        ({"verdict": "reject", "reason": "0"}, 422, "say why"),
        ({"verdict": "reject", "reason": "1", "note": "x" * 301}, 422, "at most 300"),
        ({"verdict": "maybe"}, 422, "verdict"),
        ({"verdict": "confirm", "other": 1}, 422, "other"),
    ],
)
def test_bad_decisions(
    centre: Any, make: Any, said: dict[str, Any], status_: int, sentence: str
) -> None:
    number = make(pictures=False)
    answer = centre.client("validator").post(f"/api/review/{number}/decision", json=said)
    assert answer.status_code == status_ and sentence in answer.json()["detail"]
    assert centre.client("validator").get("/review/BC-nowhere-2026-000001").status_code == 404
