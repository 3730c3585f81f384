"""A camera's ONVIF services: SOAP over HTTP, with passwords, presets, and motors of a synthetic camera."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from fastapi import FastAPI, Request, Response

from streamtrack.http.web_server import WebServer, bind_http
from streamtrack.ptz.controller import STILL, Aim
from tests.support.ptz_camera import TurningCamera

USER, PASSWORD = "operator", "turn & zoom"
NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "ter": "http://www.onvif.org/ver10/error",
}
CLOCK_IS_WRONG_BY = timedelta(hours=-3)
"""As that of many cameras is."""
PROFILE = """<trt:Profiles token="{token}" fixed="true"><tt:Name>{name}</tt:Name>{ptz}</trt:Profiles>"""
PTZ = """<tt:PTZConfiguration token="motors"><tt:Name>motors</tt:Name><tt:UseCount>1</tt:UseCount>
<tt:NodeToken>node</tt:NodeToken></tt:PTZConfiguration>"""


class OnvifCamera:
    """What the services do, and what they were asked."""

    def __init__(self, camera: TurningCamera) -> None:
        self.camera = camera
        self.asked: list[str] = []
        """Operations, oldest first."""
        self.app = FastAPI()
        self.app.post("/onvif/{service}")(self.answer)
        self.port = 0

    async def answer(self, service: str, request: Request) -> Response:
        envelope = ElementTree.fromstring(await request.body())
        body = envelope.find("s:Body", NAMESPACES)
        assert body is not None
        operation = body[0].tag.rpartition("}")[2]
        self.asked.append(operation)
        if operation != "GetSystemDateAndTime" and not may_ask(envelope):
            return soap(
                "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value>"
                '</s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">Sender not Authorized</s:Text>'
                "</s:Reason></s:Fault>",
                400,
            )
        return soap(getattr(self, f"_{operation}")(body[0]))

    def _GetSystemDateAndTime(self, _: ElementTree.Element) -> str:
        now = datetime.now(UTC) + CLOCK_IS_WRONG_BY
        return f"""<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>
<tt:DateTimeType>Manual</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime>
<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>
</tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>
</tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"""

    def _GetServices(self, _: ElementTree.Element) -> str:
        # Behind a router a camera names the address that it has inside.
        services = "".join(
            f"<tds:Service><tds:Namespace>{NAMESPACES[prefix]}</tds:Namespace>"
            f"<tds:XAddr>http://10.99.99.99/onvif/{name}</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version></tds:Service>"
            for prefix, name in (("tds", "device_service"), ("trt", "media"), ("tptz", "ptz"))
        )
        return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"

    def _GetProfiles(self, _: ElementTree.Element) -> str:
        profiles = PROFILE.format(token="fixed", name="sub", ptz="")
        profiles += PROFILE.format(token="turns", name="main", ptz=PTZ)
        return f"<trt:GetProfilesResponse>{profiles}</trt:GetProfilesResponse>"

    def _ContinuousMove(self, asked: ElementTree.Element) -> str:
        assert asked.findtext("tptz:ProfileToken", None, NAMESPACES) == "turns"
        assert re.fullmatch(r"PT\d+S", asked.findtext("tptz:Timeout", "", NAMESPACES))
        turn = asked.find("tptz:Velocity/tt:PanTilt", NAMESPACES)
        zoom = asked.find("tptz:Velocity/tt:Zoom", NAMESPACES)
        assert turn is not None
        assert zoom is not None
        self.camera.order(Aim(float(turn.attrib["x"]), float(turn.attrib["y"]), float(zoom.attrib["x"])))
        return "<tptz:ContinuousMoveResponse/>"

    def _Stop(self, _: ElementTree.Element) -> str:
        self.camera.order(STILL)
        return "<tptz:StopResponse/>"

    def _GotoHomePosition(self, _: ElementTree.Element) -> str:
        self.camera.go_home()
        return "<tptz:GotoHomePositionResponse/>"

    def _GetPresets(self, _: ElementTree.Element) -> str:
        presets = '<tptz:Preset token="p1"><tt:Name>gate</tt:Name></tptz:Preset>'
        return f"<tptz:GetPresetsResponse>{presets}</tptz:GetPresetsResponse>"

    def _GotoPreset(self, asked: ElementTree.Element) -> str:
        assert asked.findtext("tptz:PresetToken", None, NAMESPACES) == "p1"
        self.camera.go_home()
        return "<tptz:GotoPresetResponse/>"


def may_ask(envelope: ElementTree.Element) -> bool:
    """Whether user and password digest (WS-Security) are right, by the camera's own clock."""
    wsse = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
    wsu = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
    token = envelope.find(f".//{wsse}UsernameToken")
    if token is None or token.findtext(f"{wsse}Username") != USER:
        return False
    created = token.findtext(f"{wsu}Created", "")
    skew = datetime.now(UTC) + CLOCK_IS_WRONG_BY - datetime.fromisoformat(created.replace("Z", "+00:00"))
    nonce = base64.b64decode(token.findtext(f"{wsse}Nonce", ""))
    digest = hashlib.sha1(nonce + created.encode() + PASSWORD.encode()).digest()
    given = token.findtext(f"{wsse}Password")
    return abs(skew) < timedelta(minutes=1) and given == base64.b64encode(digest).decode()


def soap(body: str, status: int = 200) -> Response:
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    text = f'<?xml version="1.0"?><s:Envelope {names}><s:Body>{body}</s:Body></s:Envelope>'
    return Response(text, status, media_type="application/soap+xml")


@asynccontextmanager
async def onvif_server(onvif: OnvifCamera) -> AsyncIterator[None]:
    """Serve while the context lasts, on the same port as before where there was one."""
    listener = bind_http("127.0.0.1", onvif.port)
    onvif.port = listener.getsockname()[1]
    web = WebServer(onvif.app, listener)
    await web.start()
    try:
        yield
    finally:
        await web.stop()
