"""Reads the .talk files: conversations as lines that say what the owner does and what must then be so. See README.md."""

import dataclasses
import pathlib

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Step:
    """One thing the owner (or the world) does, and what is expected of it."""

    line: int
    kind: str  # say, press, do
    text: str
    seen: list = dataclasses.field(default_factory=list)
    unseen: list = dataclasses.field(default_factory=list)
    calendar: list = dataclasses.field(default_factory=list)  # empty: as it was before
    proposed: list = dataclasses.field(default_factory=list)
    memory: list = None
    tools: list = None
    google: list = None
    error: str = None


@dataclasses.dataclass
class Conversation:
    file: str
    line: int
    title: str
    zone: str = "Europe/Berlin"
    asks: str = ""  # the timezone its requests carry; "": the calendar's; "none": not sent
    days: str = ""  # the zone whose days count; "": what its requests carry, or the calendar's
    rights: str = "availability events"
    alone: bool = False  # nothing else happens meanwhile
    whole: bool = False  # answers come as JSON, not as a stream
    has: list = dataclasses.field(default_factory=list)  # events made elsewhere
    calendars: list = dataclasses.field(default_factory=list)
    steps: list = dataclasses.field(default_factory=list)


class Malformed(Exception):
    pass


def parts(text, by=";"):
    return [p.strip() for p in text.split(by) if p.strip()]


def setting(talk, word, rest):
    """A line before the first step; False when it is none."""
    if word in ("zone", "asks", "days", "rights"):
        setattr(talk, word, rest)
    elif word in ("alone", "whole"):
        setattr(talk, word, True)
    elif word == "has":
        talk.has.append(rest)
    elif word == "calendar":
        talk.calendars.append(rest)
    else:
        return False
    return True


def expectation(step, word, rest):
    """A line after a step; False when it is none."""
    if word == "<":
        step.seen += parts(rest)
    elif word == "<!":
        step.unseen += parts(rest)
    elif word == "=":
        step.calendar.append(rest)
    elif word == "proposed":
        step.proposed.append(parts(rest))
    elif word == "memory":
        step.memory = (step.memory or []) + ([] if rest == "nothing" else [rest])
    elif word == "tools":
        step.tools = rest.split()
    elif word == "google":
        step.google = rest.split()
    elif word == "error":
        step.error = rest
    else:
        return False
    return True


STEPS = {">": "say", "press": "press", "do": "do"}


def read_file(path):
    talks, talk = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if not word or word.startswith("#"):
            continue
        if word == "==":
            talk = Conversation(path.name, number, rest)
            talks.append(talk)
        elif talk and word in STEPS:
            talk.steps.append(Step(number, STEPS[word], rest))
        elif talk and (expectation(talk.steps[-1], word, rest) if talk.steps else setting(talk, word, rest)):
            pass
        else:
            raise Malformed(f"{path.name}:{number}: what is '{word}' here?")
    for talk in talks:
        for step in talk.steps:
            if step.kind != "do" and not step.seen and not step.error:
                raise Malformed(f"{path.name}:{step.line}: what does the owner see?")
    return talks


def read_all(words):
    """Every conversation whose file or title has one of the words; all without words."""
    talks = [talk for path in sorted(HERE.glob("*.talk")) for talk in read_file(path)]
    return [t for t in talks if not words or any(w.lower() in f"{t.file} {t.title}".lower() for w in words)]
