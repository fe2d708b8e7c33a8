"""A made-up internet: names with addresses of our choice, and wires that lead to servers on this machine."""

import httpcore2

from lipwright.service.guard import Policy, system_dial

PUBLIC = "93.184.215.14"


class Internet:
    """Names with the addresses of successive look-ups; every public address leads to this machine."""

    def __init__(self, port: int, names: dict[str, list[list[str]]]) -> None:
        self._port = port
        self._names = names
        self.asked: list[str] = []
        self.dialled: list[str] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self._names:
            return [host]  # addresses stand for themselves
        answers = self._names[host]
        return answers[min(self.asked.count(host), len(answers)) - 1]

    def dial(self, address: str, port: int, patience_s: float) -> httpcore2.NetworkStream:
        self.dialled.append(address)
        return system_dial("127.0.0.1", self._port, patience_s)

    @property
    def policy(self) -> Policy:
        return Policy(resolve=self.resolve, dial=self.dial)
