"""Who may do what, from ``user.cfg`` as the mirror of the configuration tree shows it."""

from __future__ import annotations

from hostd.access import users
from hostd.access.ids import owner_of, token_or_none
from hostd.access.rights import Rights
from hostd.cluster.store import Mirror
from hostd.core.errors import NotAuthenticated


class Authority:
    """Keeps what was computed until ``user.cfg`` has another version. Threads may share it.

    Two threads that see a new version at once both compute it; the result is the same, so nobody waits for a lock.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._current: tuple[int, Rights] = (-1, Rights(users.parse("")))

    @property
    def rights(self) -> Rights:
        """The rights of the newest configuration."""
        file = self._mirror.get(users.PATH)
        version = file.version if file else 0
        known, rights = self._current
        if known != version:
            rights = Rights(users.parse(file.data.decode(errors="replace") if file else ""))
            self._current = (version, rights)
        return rights

    @property
    def version(self) -> int:
        """Version of ``user.cfg``; changes with every change of users, tokens or rights."""
        file = self._mirror.get(users.PATH)
        return file.version if file else 0

    def may(self, user: str, path: str, privileges: tuple[str, ...], *, any_of: bool = False) -> bool:
        """Whether a user or token holds all (or one) of the privileges on an ACL path."""
        return self.rights.may(user, path, privileges, any_of=any_of)

    def capabilities(self, user: str) -> dict[str, dict[str, int]]:
        """What a log-in tells the client about its rights, by area."""
        return self.rights.capabilities(user)

    def check_usable(self, authid: str, now_s: float) -> None:
        """Raises NotAuthenticated unless the user (and the token) exist, are enabled and not expired.

        ``root@pam`` can be disabled like everybody: the way back is a root shell on the host.
        """
        config = self.rights.config
        user = config.users.get(owner_of(authid))
        if user is None or not user.usable(now_s):
            raise NotAuthenticated(f"user '{owner_of(authid)}' does not exist, is disabled or expired")
        named = token_or_none(authid)
        if named is not None:
            token = config.token(named.user, named.name)
            if token is None or 0 < token.expire_s <= now_s:
                raise NotAuthenticated(f"token '{authid}' does not exist or is expired")
