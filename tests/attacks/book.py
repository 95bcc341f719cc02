"""The list of scenarios: each module adds its own with @scenario."""

import dataclasses
import typing


@dataclasses.dataclass
class Scenario:
    title: str
    channel: str
    aim: str
    off: tuple  # the guards it tests: without them it must succeed
    run: typing.Callable  # (stage) -> what it achieved in words, or "" when nothing
    played: bool = False  # needs a cloisterd that plays a part
    clock: bool = False  # needs a clock that can be moved
    results: dict = dataclasses.field(default_factory=dict)  # stage -> words
    control: str = ""
    seconds: float = 0
    faults: list = dataclasses.field(default_factory=list)


SCENARIOS = []


def scenario(title, channel, aim, *off, **more):
    def add(function):
        SCENARIOS.append(Scenario(title, channel, aim, off, function, **more))
        return function
    return add
