"""Answer files: what is taken, what is refused, and that every refusal names its key and line."""

from __future__ import annotations

import pytest
from conftest import DHCP, EXT4, GLOBAL, MINIMAL, STATIC
from hypothesis import given
from hypothesis import strategies as st

from installer.answer_file import AnswerError, Problem
from installer.answer_keys import KEYS
from installer.answer_lines import key_lines, nearest_line
from installer.answers import Filesystem, FqdnFromDhcp, RaidLevel, RebootMode, parse_answers


def problems(text: str) -> list[tuple[str, int]]:
    with pytest.raises(AnswerError) as caught:
        parse_answers(text)
    return [(p.key, p.line) for p in caught.value.problems]


def only(text: str) -> Problem:
    with pytest.raises(AnswerError) as caught:
        parse_answers(text)
    assert len(caught.value.problems) == 1, caught.value
    return caught.value.problems[0]


def test_minimal() -> None:
    answers = parse_answers(MINIMAL)
    assert str(answers.fqdn) == "node1.example.com"
    assert answers.password.secret.reveal() == "correct horse"
    assert not answers.password.hashed
    assert answers.network is None
    assert answers.filesystem is Filesystem.EXT4
    assert answers.disks.names == ("vda",)
    assert answers.reboot_mode is RebootMode.REBOOT
    assert answers.document.warnings == ()


def test_the_password_is_not_shown() -> None:
    answers = parse_answers(MINIMAL)
    assert "correct horse" not in repr(answers)


def test_old_key_forms_are_taken_with_a_warning() -> None:
    answers = parse_answers(MINIMAL.replace("root-password", "root_password").replace("disk-list", "disk_list"))
    assert answers.disks.names == ("vda",)
    assert [w.split(":")[0] for w in answers.document.warnings] == ["line 7", "line 14"]


def test_both_forms_of_a_key() -> None:
    assert only(MINIMAL + 'disk_list = ["vdb"]\n').message == "given twice: the same key is on line 14"


def test_unknown_key_with_suggestion() -> None:
    with pytest.raises(AnswerError) as caught:
        parse_answers(MINIMAL.replace("mailto", "mailtoo"))
    wrong = {p.key: p for p in caught.value.problems}
    assert (wrong["global.mailtoo"].line, wrong["global.mailto"].line) == (5, 1)
    assert wrong["global.mailtoo"].message == "unknown key; did you mean 'global.mailto'?"


def test_every_problem_is_reported_at_once() -> None:
    text = MINIMAL.replace("correct horse", "short").replace("admin@example.com", "nobody").replace("ext4", "ext5")
    assert [key for key, _ in problems(text)] == ["disk-setup.filesystem"]
    text = text.replace("ext5", "ext4")
    assert problems(text) == [("global.mailto", 5), ("global.root-password", 7)]


def test_syntax_error_has_its_line() -> None:
    assert only(MINIMAL.replace('timezone = "Europe/Vienna"', "timezone = Europe/Vienna")).line == 6


@pytest.mark.parametrize(
    ("old", "new", "key", "line"),
    [
        ('root-password = "correct horse"\n', "", "global.root-password", 1),
        ("root-password", "root-password-hashed", "global.root-password-hashed", 7),
        ('"node1.example.com"', '"node1"', "global.fqdn", 4),
        ('"node1.example.com"', "7", "global.fqdn", 4),
        ('source = "from-dhcp"', 'source = "from-dhcp"\ncidr = "10.0.0.1/8"', "network.cidr", 11),
        ('source = "from-dhcp"', 'source = "auto"', "network.source", 10),
        ('disk-list = ["vda"]', "", "disk-setup.disk-list", 12),
        ('disk-list = ["vda"]', "disk-list = [1]", "disk-setup.disk-list", 14),
        ('["vda"]', '["vda", "vdb"]', "disk-setup.disk-list", 14),
        ('["vda"]', '["vda", "vda"]', "disk-setup.disk-list", 14),
        ('["vda"]', '["vda"]\nfilter.ID_MODEL = "*"', "disk-setup.filter", 15),
        ('["vda"]', '["vda"]\nzfs.raid = "raid0"', "disk-setup.zfs", 15),
        ('["vda"]', '["vda"]\nlvm.swapsize = -1', "disk-setup.lvm.swapsize", 15),
        ('["vda"]', '["vda"]\nlvm.hdsize = nan', "disk-setup.lvm.hdsize", 15),
        ('"ext4"', '"zfs"', "disk-setup.zfs.raid", 12),
        ('"ext4"', '"zfs"\nzfs.raid = "raid5"', "disk-setup.zfs.raid", 14),
        ('"ext4"', '"zfs"\nzfs.raid = "raid0"\nzfs.copies = true', "disk-setup.zfs.copies", 15),
    ],
)
def test_refusals(old: str, new: str, key: str, line: int) -> None:
    assert old in MINIMAL
    assert problems(MINIMAL.replace(old, new)) == [(key, line)]


def test_missing_table() -> None:
    assert ("network.source", 1) in problems(GLOBAL + EXT4)


def test_both_passwords() -> None:
    text = MINIMAL.replace("[network]", 'root-password-hashed = "$6$a$b"\n[network]')
    assert problems(text) == [("global.root-password-hashed", 9)]


def test_static_network() -> None:
    network = parse_answers(GLOBAL + STATIC + EXT4).network
    assert network is not None
    assert (str(network.address), str(network.gateway), str(network.dns)) == (
        "192.0.2.10/24",
        "192.0.2.1",
        "192.0.2.53",
    )


@pytest.mark.parametrize("key", ["cidr", "gateway", "dns", "filter"])
def test_static_network_needs_all(key: str) -> None:
    lines = [line for line in (GLOBAL + STATIC + EXT4).splitlines() if not line.startswith(key)]
    assert problems("\n".join(lines)) == [(f"network.{key}", 9)]


def test_gateway_of_the_other_family() -> None:
    assert problems((GLOBAL + STATIC + EXT4).replace('"192.0.2.1"', '"2001:db8::1"')) == [("network.gateway", 12)]


def test_fqdn_from_dhcp() -> None:
    answers = parse_answers(MINIMAL.replace('fqdn = "node1.example.com"', 'fqdn.source = "from-dhcp"'))
    assert answers.fqdn == FqdnFromDhcp()
    bad = MINIMAL.replace('fqdn = "node1.example.com"', 'fqdn = {source = "from-dhcp", domain = "a b"}')
    assert problems(bad) == [("global.fqdn.domain", 4)]


def test_raid_in_any_case() -> None:
    answers = parse_answers(GLOBAL + DHCP + '[disk-setup]\nfilesystem = "zfs"\nzfs.raid = "RAIDZ-1"\nfilter.A = "*"\n')
    assert answers.raid is RaidLevel.RAIDZ1


def test_first_boot_and_webhook() -> None:
    more = '\n[first-boot]\nsource = "from-url"\n\n[post-installation-webhook]\nauth-token = "t"\n'
    assert problems(MINIMAL + more) == [("first-boot.url", 16), ("post-installation-webhook.url", 19)]
    assert problems(MINIMAL + "\n[first-boot]\n") == [("first-boot.source", 16)]
    good = parse_answers(MINIMAL + '[first-boot]\nsource = "from-iso"\nordering = "before-network"\n')
    assert good.first_boot is not None
    assert good.first_boot.ordering == "before-network"


def test_a_cluster_is_begun_or_joined() -> None:
    begun = parse_answers(MINIMAL + '[cluster]\ncreate = "rack-1"\n').cluster
    assert begun is not None
    assert (begun.create, begun.join) == ("rack-1", None)
    joined = parse_answers(MINIMAL + '[cluster]\njoin = "token-of-a-cluster"\n').cluster
    assert joined is not None
    assert joined.join is not None
    assert joined.join.reveal() == "token-of-a-cluster"
    assert "token-of" not in repr(joined)
    assert parse_answers(MINIMAL).cluster is None


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("", "cluster"),
        ('create = "a"\njoin = "b"', "cluster"),
        ('create = "rack 1"', "cluster.create"),
        ('create = "-rack"', "cluster.create"),
        ('create = "a-name-that-is-long"', "cluster.create"),
        ('join = "two words"', "cluster.join"),
    ],
)
def test_cluster_errors(table: str, key: str) -> None:
    assert only(f"{MINIMAL}\n[cluster]\n{table}\n").key == key


def test_pinning_errors_name_the_mac() -> None:
    text = MINIMAL.replace(
        "[disk-setup]", '[network.interface-name-pinning.mapping]\n"aa:bb:cc:00:11:22" = "0bad"\n[disk-setup]'
    )
    problem = only(text)
    assert (problem.key, problem.line) == ("network.interface-name-pinning.mapping.aa:bb:cc:00:11:22", 12)
    assert "0bad" in problem.message


def test_ssh_keys() -> None:
    good = 'root-ssh-keys = ["ssh-ed25519 AAAA me@here", "sk-ssh-ed25519@openssh.com AAAA"]\n[network]'
    assert len(parse_answers(MINIMAL.replace("[network]", good)).ssh_keys) == 2
    assert problems(MINIMAL.replace("[network]", 'root-ssh-keys = ["AAAA"]\n[network]')) == [
        ("global.root-ssh-keys", 9)
    ]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_declared_key_is_read(key: object) -> None:
    """A value of the wrong kind under each key is noticed at that key."""
    name = key.name  # type: ignore[attr-defined]
    section, _, rest = name.partition(".")
    fresh = "\n".join(f"[{s}]" if s != section else f"[{s}]\n{rest} = 1979-05-27" for s in sorted({section, "global"}))
    assert name in [found for found, _ in problems(fresh)]


def test_lines_of_a_tricky_text() -> None:
    text = '# [no]\na = """\n[fake]\nb = 1\n"""\n[t.u]\n"x.y" = [\n  1, # ]\n  2\n]\nv.w = {k = "}"}\n[[z]]\n'
    lines = key_lines(text)
    assert lines[("a",)] == 2
    assert lines[("t", "u")] == 6
    assert lines[("t", "u", "x.y")] == 7
    assert lines[("t", "u", "v", "w")] == 11
    assert lines[("z",)] == 12
    assert ("fake",) not in lines
    assert nearest_line(lines, ("t", "u", "v", "w", "k")) == 11
    assert nearest_line(lines, ("nothing",)) == 1


@given(st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), unique=True, max_size=8), st.data())
def test_lines_follow_the_text(names: list[str], data: st.DataObject) -> None:
    lines, expected = [], {}
    for name in names:
        lines += [""] * data.draw(st.integers(0, 2))
        lines.append(f"{name} = {data.draw(st.sampled_from(['1', '[1, 2]', '{a = 1}', chr(34) * 2]))}")
        expected[(name,)] = len(lines)
    assert key_lines("\n".join(lines)) == expected
