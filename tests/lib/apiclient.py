"""A small client of the API for tests: log in, call, wait for tasks, read consoles."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any

import aiohttp
import requests
import urllib3

urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


class ApiError(Exception):
    """``status``, ``reason`` and the answer's ``errors``."""

    def __init__(self, answer: requests.Response) -> None:
        self.status, self.reason = answer.status_code, answer.reason
        try:
            self.errors = answer.json().get("errors", {})
        except ValueError:
            self.errors = {}
        super().__init__(
            f"{answer.request.method} {answer.request.path_url}: {self.status} {self.reason} {self.errors}"
        )


class Api:
    """Calls as ``api.get("/nodes")``; ``wait`` follows a UPID to its end."""

    def __init__(self, url: str, user: str, password: str, timeout_s: float = 60) -> None:
        self.url, self.user, self._timeout = url.rstrip("/"), user, timeout_s
        self._session = requests.Session()
        self._session.verify = False
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE would win over verify
        data = self.post("/access/ticket", username=user, password=password)
        self.ticket: str = data["ticket"]
        self._session.cookies.set("PVEAuthCookie", self.ticket)
        self.csrf: str = data["CSRFPreventionToken"]
        self._session.headers["CSRFPreventionToken"] = self.csrf
        self.node: str = self.get("/nodes")[0]["node"]

    def call(self, method: str, path: str, /, **params: Any) -> Any:
        where = {"params": params} if method in ("GET", "DELETE") else {"data": params}
        answer = self._session.request(method, f"{self.url}/api2/json{path}", timeout=self._timeout, **where)
        if answer.status_code != 200:
            raise ApiError(answer)
        return answer.json()["data"]

    def get(self, path: str, /, **params: Any) -> Any:
        return self.call("GET", path, **params)

    def post(self, path: str, /, **params: Any) -> Any:
        return self.call("POST", path, **params)

    def put(self, path: str, /, **params: Any) -> Any:
        return self.call("PUT", path, **params)

    def delete(self, path: str, /, **params: Any) -> Any:
        return self.call("DELETE", path, **params)

    def task_log(self, upid: str) -> list[str]:
        return [line["t"] for line in self.get(f"/nodes/{self.node}/tasks/{upid}/log", limit=0)]

    def wait(self, upid: str, timeout_s: float = 120, *, ok: bool = True) -> str:
        """The exit status of a task; fails with its log where it is not OK and ``ok`` is asked."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            status = self.get(f"/nodes/{self.node}/tasks/{upid}/status")
            if status["status"] == "stopped":
                assert not ok or status["exitstatus"] == "OK", "\n".join([upid, *self.task_log(upid)])
                return str(status["exitstatus"])
            time.sleep(0.3)
        raise AssertionError(f"{upid} not over within {timeout_s} s:\n" + "\n".join(self.task_log(upid)))

    def upload(self, storage: str, content: str, file: Path) -> None:
        """Upload a file and wait for the task."""
        with file.open("rb") as stream:
            answer = self._session.post(
                f"{self.url}/api2/json/nodes/{self.node}/storage/{storage}/upload",
                data={"content": content},
                files={"filename": (file.name, stream)},
                timeout=600,
            )
        if answer.status_code != 200:
            raise ApiError(answer)
        self.wait(answer.json()["data"], 300)

    def terminal(self, kind: str, vmid: int, until: str, send: str = "", timeout_s: float = 60) -> str:
        """What a guest's terminal says until ``until`` appears (after ``send`` was typed)."""
        return asyncio.run(self._terminal(f"/nodes/{self.node}/{kind}/{vmid}", until, send, timeout_s))

    def shell(self, until: str, send: str = "", timeout_s: float = 60) -> str:
        """What the node's shell says until ``until`` appears; ``send`` is typed at root's prompt.

        What is typed before is lost: login(1) hangs up the terminal before it opens it.
        """
        return asyncio.run(self._terminal(f"/nodes/{self.node}", until, send, timeout_s, prompt="# "))

    async def _terminal(self, base: str, until: str, send: str, timeout_s: float, prompt: str = "OK") -> str:
        opened = self.post(f"{base}/termproxy")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        url = f"{self.url}/api2/json{base}/vncwebsocket"
        query = {"port": str(opened["port"]), "vncticket": opened["ticket"]}
        heard = ""
        async with (
            aiohttp.ClientSession(cookies={"PVEAuthCookie": self.ticket}) as session,
            session.ws_connect(url, params=query, ssl=context, protocols=("binary",)) as socket,
        ):
            await socket.send_str(f"{opened['user']}:{opened['ticket']}\n")
            deadline = time.monotonic() + timeout_s
            typed = not send
            while time.monotonic() < deadline and until not in heard:
                try:
                    message = await asyncio.wait_for(socket.receive(), 2)
                except TimeoutError:
                    message = None
                if message is not None and message.type is aiohttp.WSMsgType.BINARY:
                    heard += message.data.decode(errors="replace")
                elif message is not None:
                    break
                if not typed and heard.startswith("OK") and prompt in heard:
                    typed = True
                    await socket.send_str(f"0:{len(send.encode())}:{send}")
        # TLS says goodbye after the session is closed (docs.aiohttp.org, "Graceful Shutdown"); a loop that ends before
        # leaves a transport open, which pytest counts as a failure of the test
        await asyncio.sleep(1)
        assert until in heard, f"the terminal of {base} did not say {until!r}: {heard[-2000:]!r}"
        return heard
