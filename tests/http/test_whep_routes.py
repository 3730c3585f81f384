"""WHEP as HTTP: statuses, headers, refusals, trickled candidates."""

from __future__ import annotations

import os
import re

import pytest
from aiortc import RTCSessionDescription

from streamtrack.config import WebrtcConfig
from streamtrack.webrtc.ice_servers import IceServers
from tests.fuzz.offers import BROWSER_OFFER
from tests.support.video import pushing, until
from tests.support.whep import Viewer, made_offer, opened, watching

# refusals


async def test_offline_source_asks_to_come_back() -> None:
    async with opened() as endpoint:
        endpoint.stream.set_online(False)
        answer = await endpoint.post(await made_offer())
        assert (answer.status_code, answer.headers["retry-after"]) == (409, "2")
        assert answer.json() == {"error": "stream cam: the source is offline", "kind": "offline"}


@pytest.mark.parametrize(
    ("body", "media_type", "status", "kind", "error"),
    [
        ("v=0", "text/plain", 415, "wrong_type", "content type is text/plain, expected application/sdp"),
        (
            "hello",
            "application/sdp",
            400,
            "publish",
            "the offer is not SDP, expected a body that begins with v=0",
        ),
        (
            "v=0\r\n" + "a" * 70_000,
            "application/sdp",
            413,
            "too_large",
            "the offer is longer than 65536 bytes",
        ),
    ],
)
async def test_wrong_body_is_refused_in_one_line(
    body: str, media_type: str, status: int, kind: str, error: str
) -> None:
    async with opened() as endpoint:
        headers = {"Content-Type": media_type}
        answer = await endpoint.http.post("/streams/cam/whep", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (status, {"error": error, "kind": kind})
        assert endpoint.stream.num_viewers == 0


async def test_damaged_offers_are_refused_and_leave_nothing_behind() -> None:
    sound = await made_offer()
    lines = sound.splitlines(keepends=True)
    async with opened(max_viewers=2) as endpoint:
        for index in range(1, len(lines)):
            answer = await endpoint.post("".join(lines[:index]))
            # Some lines can be missing; what counts is that no text brings the endpoint down or takes a place
            # for good.
            assert answer.status_code in (201, 400, 406), answer.text
            if answer.status_code == 201:
                await endpoint.http.delete(answer.headers["location"])
            else:
                assert "\n" not in answer.json()["error"]
            assert endpoint.stream.num_viewers == 0


async def test_offer_without_a_codec_of_ours_is_406() -> None:
    sdp = (await made_offer("VP8")).replace("VP8/90000", "AV1/90000")
    async with opened() as endpoint:
        answer = await endpoint.post(sdp)
    assert (answer.status_code, answer.json()["error"]) == (
        406,
        "the offer's codecs are AV1, expected H264 baseline or VP8",
    )


async def test_unknown_stream_names_the_known_ones() -> None:
    async with opened() as endpoint:
        answer = await endpoint.http.post("/streams/cam10/whep", content="v=0")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "stream is 'cam10', expected one of: cam", "kind": "unknown_stream"},
    )


# the rest of WHEP


async def test_options_tell_what_to_post_and_who_may() -> None:
    async with opened() as endpoint:
        ours = await endpoint.http.options("/streams/cam/whep", headers={"Origin": "https://a.example"})
        theirs = await endpoint.http.options("/streams/cam/whep", headers={"Origin": "https://b.example"})
        session = await endpoint.http.options("/whep/sessions/x")
    assert ours.status_code == theirs.status_code == session.status_code == 204
    assert ours.headers["accept-post"] == "application/sdp"
    assert ours.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in theirs.headers
    assert session.headers["accept-patch"] == "application/trickle-ice-sdpfrag"


async def test_created_session_has_an_unguessable_address_and_an_entity_tag() -> None:
    async with opened() as endpoint:
        answers = [await endpoint.post(await made_offer(), Origin="https://a.example") for _ in range(2)]
    locations = {answer.headers["location"] for answer in answers}
    assert len(locations) == 2
    assert all(re.fullmatch(r"/whep/sessions/[\w-]{32}", one) for one in locations)
    assert all(re.fullmatch(r'"\w+"', answer.headers["etag"]) for answer in answers)
    assert all(answer.headers["content-type"] == "application/sdp" for answer in answers)
    assert "Location" in answers[0].headers["access-control-expose-headers"]


async def test_candidates_that_come_later_connect_the_viewer() -> None:
    async with opened() as endpoint:
        viewer = Viewer()
        offer = await viewer.offer()
        # Without its candidates nor their end, as a browser that trickles sends it.
        bare = re.sub(r"a=(candidate:|end-of-candidates).*\r\n", "", offer)
        candidates = re.findall(r"a=candidate:.*\r\n", offer)
        with pushing(endpoint.stream):
            answer = await endpoint.post(bare)
            fragment = "a=mid:0\r\n" + "".join(candidates) + "a=end-of-candidates\r\n"
            headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": answer.headers["etag"]}
            patched = await endpoint.http.patch(answer.headers["location"], content=fragment, headers=headers)
            assert patched.status_code == 204
            await viewer.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await viewer.picture()
        await viewer.close()


async def test_viewer_without_a_candidate_that_is_reached_comes_by_itself() -> None:
    async with opened() as endpoint:
        viewer = Viewer()
        offer = re.sub(r"a=candidate:.*\r\n", "", await viewer.offer())
        assert "a=end-of-candidates" in offer
        with pushing(endpoint.stream):
            answer = await endpoint.post(offer)
            await viewer.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await viewer.picture()
        await viewer.close()


@pytest.mark.parametrize(
    ("fragment", "headers", "status"),
    [
        ("a=ice-ufrag:restart\r\na=ice-pwd:x\r\n", {"If-Match": "*"}, 422),
        ("a=ice-ufrag:restart\r\n", {"If-Match": "*"}, 422),
        ("a=mid:0\r\na=candidate:nonsense\r\n", {"If-Match": "ours"}, 422),
        ("a=mid:0\r\n" * 2_000, {"If-Match": "ours"}, 422),
        ("a=ice-ufrag:restart\r\na=ice-pwd:0123456789012345678901\r\n", {}, 428),
        ("a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.7 9 typ host\r\n", {}, 428),
        ("a=mid:0\r\n", {"If-Match": '"other"'}, 412),
        ("a=mid:0\r\n", {"Content-Type": "application/sdp"}, 415),
        ("a=mid:0\r\n", {"If-Match": '"other", ours'}, 204),
        ("a=mid:0\r\na=candidate:1 1 udp 1 abc.local 9 typ host\r\n", {"If-Match": "ours"}, 204),
        ("a=ice-ufrag:ours\r\na=mid:0\r\n", {}, 204),
    ],
)
async def test_trickled_fragments_are_judged(fragment: str, headers: dict[str, str], status: int) -> None:
    async with opened() as endpoint:
        offer = await made_offer()
        opened_session = await endpoint.post(offer)
        location, ours = opened_session.headers["location"], opened_session.headers["etag"]
        ufrag = re.search(r"a=ice-ufrag:(.*)\r\n", offer)
        assert ufrag is not None
        fragment = fragment.replace("a=ice-ufrag:ours", f"a=ice-ufrag:{ufrag[1]}")
        given = {name: value.replace("ours", ours) for name, value in headers.items()}
        headers = {"Content-Type": "application/trickle-ice-sdpfrag", **given}
        answer = await endpoint.http.patch(location, content=fragment, headers=headers)
        assert answer.status_code == status
        assert (await endpoint.http.patch("/whep/sessions/x", content="", headers=headers)).status_code == 404


async def test_restart_of_ice_is_answered_and_leaves_the_picture_alone() -> None:
    fragment = "a=ice-ufrag:moved\r\na=ice-pwd:0123456789012345678901\r\nm=video 9 X 0\r\na=mid:0\r\n"
    headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
    async with opened() as endpoint:
        with pushing(endpoint.stream):
            async with watching(endpoint) as viewer:
                await viewer.picture()
                session = endpoint.sessions.get(viewer.location.rpartition("/")[2])
                assert session is not None
                before = session.entity_tag
                answers = [
                    await endpoint.http.patch(
                        viewer.location, content=fragment.replace("moved", name), headers=headers
                    )
                    for name in ("moved", "again")
                ]
                stale = await endpoint.http.patch(
                    viewer.location, content="a=mid:0\r\n", headers={**headers, "If-Match": before}
                )
                for _ in range(3):
                    await viewer.picture()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["content-type"] == "application/trickle-ice-sdpfrag"
    assert len({before, *(answer.headers["etag"] for answer in answers)}) == 3
    assert len({re.search(r"a=ice-ufrag:.*", answer.text)[0] for answer in answers}) == 2  # type: ignore[index]
    assert "a=mid:0\r\na=candidate:" in answers[1].text
    assert stale.status_code == 412


async def test_encodes_are_told_with_who_shares_them() -> None:
    async with opened(bitrate_kbps=1_500) as endpoint:
        with pushing(endpoint.stream):
            async with watching(endpoint) as viewer:
                await viewer.picture()
                (found,) = (await endpoint.http.get("/streams/cam/encodes")).json()
    assert (found["view"], found["codec"], found["bitrate_kbps"]) == ("overlay", "H264", 1_500)
    assert found["viewers"] == [{"keyframes_only": False, "carries_kbps": 1_500, "loss": 0.0}]


async def test_verbs_without_a_meaning_are_405_and_name_the_others() -> None:
    async with opened() as endpoint:
        answers = [
            await endpoint.http.request(verb, path)
            for path in ("/streams/cam/whep", "/whep/sessions/x")
            for verb in ("GET", "PUT", "HEAD")
        ]
    assert {answer.status_code for answer in answers} == {405}
    assert all(answer.headers["allow"] for answer in answers)


TURN = {"urls": ["turn:turn.example:3478?transport=udp"], "username": 'a"b', "credential": "secret word"}


async def test_ice_servers_are_told_to_who_may_watch() -> None:
    config = WebrtcConfig.model_validate(
        {
            "ice_servers": [
                {"urls": ["stun:stun.example:3478"], "used_by": "viewers"},
                {**TURN, "used_by": "viewers"},
                {"urls": ["turns:turn.example"], "secret": "shared", "ttl_s": 600, "used_by": "viewers"},
                {"urls": ["stun:inside.example"], "used_by": "server"},
            ]
        }
    )
    servers = IceServers(config, now_s=lambda: 1_000.0)
    assert servers.configuration().iceServers[0].urls == ["stun:inside.example"]
    servers = IceServers(config.model_copy(update={"ice_servers": config.ice_servers[:3]}), now_s=lambda: 1e3)
    async with opened(ice_servers=servers) as endpoint:
        answer = await endpoint.post(await made_offer())
        before = await endpoint.http.options("/streams/cam/whep")
    stun = '<stun:stun.example:3478>; rel="ice-server"'
    told = answer.headers.get_list("link")
    assert told[:2] == [
        stun,
        '<turn:turn.example:3478?transport=udp>; rel="ice-server"; username="a\\"b"; '
        'credential="secret word"; credential-type="password"',
    ]
    assert 'username="1600:streamtrack"; credential="' in told[2]
    assert before.headers.get_list("link") == [stun], "no password before one may watch"


@pytest.mark.parametrize(
    ("of_stream", "of_server", "expected"),
    [
        (("127.0.0.1",), (), {"127.0.0.1"}),
        ((), ("127.0.0.1",), {"127.0.0.1"}),
        (("127.0.0.2",), ("127.0.0.1",), {"127.0.0.2"}),
    ],
)
async def test_configured_addresses_are_the_only_ones_offered(
    of_stream: tuple[str, ...], of_server: tuple[str, ...], expected: set[str]
) -> None:
    async with opened(ice_addresses=of_stream, session_addresses=of_server) as endpoint:
        answer = (await endpoint.post(await made_offer())).text
    addresses = {line.split()[4] for line in answer.splitlines() if line.startswith("a=candidate:")}
    assert addresses == expected


async def test_machine_offers_its_own_addresses_where_none_are_configured() -> None:
    async with opened(ice_addresses=()) as endpoint:
        answer = (await endpoint.post(await made_offer())).text
    assert "a=candidate:" in answer
    assert " typ srflx" not in answer, "no public STUN server is asked"


async def test_offer_that_bundles_what_it_does_not_name_is_refused_and_leaves_nothing_open() -> None:
    async with opened() as endpoint:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            answer = await endpoint.post(BROWSER_OFFER.replace("a=mid:0", "a=mid;0"))
            assert answer.status_code == 400
            assert answer.json()["error"].startswith("the offer cannot be answered: ")
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before, 20)


async def test_openapi_tells_what_options_answer() -> None:
    async with opened() as door:
        paths = door.app.openapi()["paths"]
    for path in ("/streams/{name}/whep", "/whep/sessions/{session_id}"):
        assert "204" in paths[path]["options"]["responses"]
        assert "200" not in paths[path]["options"]["responses"]
