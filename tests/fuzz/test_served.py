"""A real server under requests that nobody meant: no unhandled exception, no 5xx but a told overload."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import httpx
import pytest
import zmq

from tests.fuzz import forms, http_requests, raw
from tests.fuzz.amount import FULL, amount, dice
from tests.fuzz.mutate import damaged
from tests.fuzz.offers import BROWSER_OFFER, FRAGMENT
from tests.fuzz.target import HealthWatch, Target, told_of
from tests.fuzz.test_requests import encoded, odd_request
from tests.fuzz.test_served_cost import BODIES, check, request
from tests.support.waiting import SOON_S, wait_until

pytestmark = pytest.mark.timeout(1_800 if FULL else 120)

FLAT_MB = 60
"""Memory that may be added by many requests of a kind, after the first third: pools, caches, buffers."""
SDP = {"content-type": "application/sdp"}
TRICKLE = {"content-type": "application/trickle-ice-sdpfrag"}


class Flat:
    """Sees to it that memory stays flat, from the first third of a run on, and that /healthz is answered."""

    def __init__(self, target: Target, what: str) -> None:
        self._target, self._what = target, what
        self._watch = HealthWatch(target)
        self._warm_mb: float | None = None

    def __enter__(self) -> Flat:
        self._watch.__enter__()
        return self

    def warm(self) -> None:
        """Measure from here."""
        if self._warm_mb is None:
            self._warm_mb = self._target.memory_mb()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._watch.__exit__()
        if kind is None:
            assert self._watch.failures == []
            assert self._warm_mb is not None
            grown = self._target.memory_mb() - self._warm_mb
            told = f"memory +{grown:.0f} MB, worst /healthz {self._watch.worst_s:.2f} s"
            print(f"{self._what}: {told}, {self._target.descriptors()} descriptors")
            assert grown < FLAT_MB


def test_odd_bodies_and_addresses_are_answered(target: Target) -> None:
    rng, count = dice("http"), amount(60, 3_000)
    with Flat(target, f"{count} bodies and addresses") as flat, target.api() as api:
        for number in range(count):
            if number == count // 3:
                flat.warm()
            make = http_requests.odd_body if rng.random() < 0.7 else http_requests.odd_query
            http_requests.ask(api, make(rng))
        for name in ("cam", "still"):  # as the others wish to find it
            api.post(f"/streams/{name}/resume")
            for found in api.get(f"/streams/{name}/objects").json():
                api.delete(f"/streams/{name}/objects/{found['object_id']}")


def test_odd_heads_are_answered_or_hung_up_on(target: Target) -> None:
    rng, count = dice("heads"), amount(15, 1_500)
    with Flat(target, f"{count} heads") as flat:
        for number in range(count):
            if number == count // 3:
                flat.warm()
            data = raw.odd_request(rng)
            found = raw.asked(target.port, data, 0.05)
            status = found[9:12]
            assert found == b"" or found.startswith(b"HTTP/1.1 ") or b"\r\n" in found, (data, found[:200])
            assert not status.startswith(b"5") or b"retry-after" in found.lower(), (data, found[:500])


def test_odd_frames_of_a_websocket_end_only_their_own(target: Target) -> None:
    rng, sound = dice("websocket"), list(raw.FRAMES.values())
    cases = [*raw.FRAMES.items()]
    cases += [
        (f"damaged {n}", damaged(rng.choice(sound)[:4096], rng, sound)) for n in range(amount(0, 1_000))
    ]
    with Flat(target, f"{len(cases)} websockets") as flat:
        for number, (name, data) in enumerate(cases):
            if number == 3:
                flat.warm()
            with socket.create_connection(("127.0.0.1", target.port), timeout=SOON_S) as connection:
                connection.sendall(raw.WS_HEAD)
                assert b" 101 " in connection.recv(4096)[:40], name
                with contextlib.suppress(OSError):  # it hung up
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
    target.check_sound()


def test_odd_offers_are_answered(target: Target) -> None:
    rng, count, sound = dice("whep"), amount(15, 2_400), [BROWSER_OFFER.encode(), FRAGMENT.encode()]
    answered = 0
    before = target.descriptors()
    with Flat(target, f"{count} offers") as flat, target.api() as api:
        for number in range(count):
            if number == count // 3:
                flat.warm()
            offer = damaged(sound[0], rng, sound) if rng.random() < 0.9 else sound[0]
            answer = api.post("/streams/cam/whep", content=offer, headers=SDP)
            http_requests.check_answer(answer, f"offer {offer!r}")
            if answer.status_code != 201:
                continue
            answered += 1
            session = answer.headers["location"]
            for _ in range(rng.choice((0, 1, 2))):
                fragment = damaged(sound[1], rng, sound)
                headers = TRICKLE | ({"if-match": rng.choice(("*", answer.headers["etag"], '"x"', "é"))})
                with contextlib.suppress(UnicodeEncodeError):
                    told = api.patch(session, content=fragment, headers=headers)
                    http_requests.check_answer(told, f"fragment {fragment!r}")
            if rng.random() < 0.8:
                assert api.delete(session).status_code in (200, 404)
    assert answered > count // 10, "hardly one offer was answered: what is made up is of no use"
    print(f"{answered} of {count} offers answered")
    target.settle(before + 8)


def test_odd_commands_are_answered(target: Target) -> None:
    rng, count = dice("control"), amount(60, 12_000)
    kinds: dict[str, int] = {}
    with (
        Flat(target, f"{count} commands") as flat,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as socket_,
    ):
        socket_.linger, socket_.rcvtimeo = 0, 60_000
        socket_.connect(target.control_address)
        for number in range(count):
            if number == count // 3:
                flat.warm()
            frames = [odd_request(rng)]
            if rng.random() < 0.1:
                frames += [rng.randbytes(rng.choice((0, 1, 3000)))] * rng.choice((1, 1, 5))
            socket_.send_multipart(frames)
            reply = socket_.recv_multipart()[0]
            text = reply.decode("latin-1")
            assert "internal" not in text, (frames, reply)
            kind = "taken" if "ok\xc3" in text or '"ok":true' in text else "refused"
            kinds[kind] = kinds.get(kind, 0) + 1
        for name in ("cam", "still"):
            socket_.send(encoded({"op": "resume", "stream": name}, rng))
            socket_.recv_multipart()
    assert min(kinds.values()) > 0, kinds
    assert len(kinds) == 2, kinds


def ended_job(api: httpx.Client, job: str) -> Any:
    """What became of a job, once it has ended."""

    def has_ended() -> bool:
        return api.get(f"/jobs/{job}").json()["state"] not in ("waiting", "running")

    wait_until(has_ended, "the job's end")
    return api.get(f"/jobs/{job}").json()


def test_odd_forms_and_films_are_answered(target: Target) -> None:
    rng, count = dice("forms"), amount(5, 300)
    ends: dict[str, int] = {}
    with Flat(target, f"{count} forms") as flat, target.api() as api:
        for number in range(count):
            if number == count // 3:
                flat.warm()
            data, kind = forms.odd_form(rng) if number else (forms.sound_form(), forms.TYPE)
            try:
                answer = api.post("/jobs", content=data, headers={"content-type": kind})
            except (httpx.ReadError, httpx.WriteError):  # refused while it was sent
                continue
            http_requests.check_answer(answer, f"form {kind} {data[-300:]!r}")
            if answer.status_code == 201:
                job = answer.json()["id"]
                ended = ended_job(api, job)
                ends[ended["state"]] = ends.get(ended["state"], 0) + 1
                assert "\n" not in ended["error"], ended
                assert "Error:" not in ended["error"], ended
                assert "Traceback" not in ended["error"], ended
                api.delete(f"/jobs/{job}")
    print(f"jobs ended: {ends}")
    assert ends.get("done", 0) > 0, "no job was ever done: what is made up is of no use"


@pytest.mark.parametrize(
    "what", ["unknown keys of a camera", "depth", "points that are none", "prompts of a job"]
)
def test_one_request_costs_what_its_size_is_worth(target: Target, what: str) -> None:
    """A few of those of test_served_cost."""
    method, path, body = BODIES[what]
    check(target, lambda n: request(method, path, body(n)), (12_000,), what)


def test_many_frames_in_one_request_cost_what_they_are_worth(target: Target) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket_, HealthWatch(target) as watch:
        socket_.linger, socket_.rcvtimeo = 0, 60_000
        socket_.connect(target.control_address)
        took = []
        for count in (20_000, 40_000):
            before = target.cpu_s()
            socket_.send_multipart([b"x"] * count)
            assert b"bad_request" in socket_.recv_multipart()[0]
            took.append(target.cpu_s() - before)
    print(took, watch.worst_s)
    assert took[1] < 1.5
    assert watch.failures == []


def test_two_hundred_requests_at_once_are_all_answered(target: Target) -> None:
    failures: list[str] = []

    def ask_on() -> None:
        rng = dice(threading.current_thread().name)
        with target.api() as api:
            for _ in range(amount(5, 60)):
                try:
                    http_requests.ask(api, http_requests.odd_query(rng))
                except (AssertionError, httpx.HTTPError) as error:
                    failures.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=ask_on, name=f"asker-{n}") for n in range(amount(8, 40))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert failures == []
    with target.api() as api:
        assert api.get("/readyz").status_code == 200, told_of(api.get("/readyz"))
