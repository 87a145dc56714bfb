"""Fixtures of the tests with virtual machines (`make test-vm`): images, lab, machines that are cleared away."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from imagebuild.context import Context
from imagebuild.vm import Firmware, Spec

from tests.vm.harness import Host, Images, Lab, Layout, Start


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab(Context.load())


@pytest.fixture(scope="session")
def images(lab: Lab) -> Images:
    path = lab.folder / "images.json"
    if not path.exists():
        pytest.skip(f"{path} is missing: run `make test-vm`, which builds the images first")
    return Images.load(path)


@pytest.fixture
def start(request: pytest.FixtureRequest, lab: Lab, images: Images) -> Iterator[Start]:
    """``start(layout, firmware)``: a started copy of an installation; evidence of a failed test is kept."""
    hosts: list[Host] = []
    failures = request.session.testsfailed

    def make(layout: Layout, firmware: Firmware, *, edit: Callable[[Spec], Spec] = lambda s: s, **more: object) -> Host:
        iso = more.pop("iso", images.iso)
        installed = lab.installed(iso, layout, firmware)  # type: ignore[arg-type]
        name = f"{request.node.name}-{len(hosts)}".replace("/", "-").replace("[", "-").replace("]", "")
        host = lab.start(edit(lab.copy(installed, name, layout, firmware, **more)))
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        if request.session.testsfailed > failures:
            host.keep_evidence(lab.folder / "failed" / request.node.name.replace("/", "-"))
        host.vm.kill()
