"""Plays one conversation on a cluster, as a chat frontend would, and says where it went wrong."""

import concurrent.futures
import re
import uuid

from acts import ACTS
from days import Days, of_google
from script import parts


class Failed(Exception):
    """Something is not as the script says."""


class Player:
    def __init__(self, cluster, talk):
        self.cluster, self.front, self.admin, self.talk = cluster, cluster.front, cluster.admin, talk
        self.days = Days(talk.days or (talk.zone if talk.asks in ("", "none") else talk.asks))
        self.user = "c" + uuid.uuid4().hex[:10]
        self.conversation, self.last = None, None
        self.meanwhile = None  # what happens during the next message
        self.asked = 0  # requests that Google had before this step
        self.open = []  # proposals, oldest first
        self.told = []  # the transcript

    # -- the stage --
    def connect(self):
        rights = self.talk.rights.split()
        features = [r for r in rights if "." not in r and r != "nothing"] or ["availability", "events"]
        scopes = [r for r in rights if "." in r] or ([] if rights == ["nothing"] else None)
        self.admin.account(self.user, self.talk.zone)
        for line in self.talk.calendars:
            self.admin.call("POST", f"/accounts/{self.user}/calendars", self.secondary(line))
        for line in self.talk.has:
            event = self.event(line)
            self.admin.call("POST", self.events_path(event.pop("calendar", "")), event)
        self.cluster.connect(self.user, features=features, scopes=scopes, timezone=self.talk.zone)

    def address(self, calendar):
        return f"{calendar.lower().replace(' ', '-')}.{self.user}@group.calendar.example.test"

    def events_path(self, calendar=""):
        return f"/accounts/{self.user}/events" + (f"?calendar={self.address(calendar)}" if calendar else "")

    def secondary(self, line):
        """"NAME | role: reader; zone: …; unselected" as the stand-ins make a calendar."""
        name, *more = parts(line, "|")
        given = dict(part.partition(":")[::2] for part in parts(more[0] if more else ""))
        made = {"summary": name, "id": self.address(name), "selected": "unselected" not in given,
                "hidden": "hidden" in given}
        for word, key in (("role", "accessRole"), ("zone", "timeZone")):
            if word in given:
                made[key] = given[word].strip()
        return made

    def event(self, line):
        """"TITLE | WHEN | guests: …; place: …" as the Calendar API takes it."""
        title, when, *more = parts(line, "|")
        whole, start, end = self.days.span(when, self.talk.zone)
        zone = when.split()[2] if len(when.split()) > 2 else self.talk.zone
        if whole:
            event = {"summary": title, "start": {"date": str(start)}, "end": {"date": str(end)}}
        else:
            event = {"summary": title, "start": {"dateTime": start.isoformat(), "timeZone": zone},
                     "end": {"dateTime": end.isoformat(), "timeZone": zone}}
        for part in parts(more[0] if more else ""):
            name, _, value = part.partition(":")
            value = value.strip()
            if name == "guests":
                event.setdefault("attendees", []).extend(guest(v) for v in parts(value, ","))
            elif name == "declined":
                event.setdefault("attendees", []).append(
                    {"email": f"{self.user}@example.test", "self": True, "responseStatus": "declined"})
            elif name == "rule":
                event["recurrence"] = [f"RRULE:{value.replace(' ', ';')}"]
            else:
                key = {"place": "location", "about": "description", "busy": "transparency"}.get(name, name)
                event[key] = "transparent" if key == "transparency" else value
        return event

    # -- what is there --
    def calendar(self):
        """Everything in all calendars of the owner's."""
        found = []
        for name in ["", *(parts(line, "|")[0] for line in self.talk.calendars)]:
            events = self.admin.call("GET", self.events_path(name))["events"]
            found += [self.seen_event(e, name) for e in events if e.get("status") != "cancelled"]
        return sorted(found, key=str)

    def seen_event(self, event, calendar):
        start, end = of_google(event["start"]), of_google(event["end"])
        return {"title": event.get("summary", ""), "start": start, "end": end, "calendar": calendar,
                "rule": " ".join(event.get("recurrence", [])), "zone": event["start"].get("timeZone"),
                "guests": sorted(g["email"] for g in event.get("attendees", []))}

    def expected(self, line):
        title, when, *more = parts(line, "|")
        whole, start, end = self.days.span(when)
        wanted = {"title": self.days.fill(title), "start": start, "end": end, "rule": "", "guests": [],
                  "calendar": ""}
        for part in parts(more[0] if more else ""):
            name, _, value = part.partition(":")
            wanted[name] = parts(value, ",") if name == "guests" else value.strip()
        return wanted

    def fits(self, wanted, event):
        same = all(event[k] == wanted[k] for k in ("title", "start", "end", "guests", "calendar"))
        rule = all(word in event["rule"] for word in wanted["rule"].split()) and bool(event["rule"]) == bool(wanted["rule"])
        return same and rule and wanted.get("zone", event["zone"]) == event["zone"]

    # -- steps --
    def fields(self):
        fields = {"conversation": self.conversation} if self.conversation else {}
        if self.talk.asks != "none":
            fields["timezone"] = self.talk.asks or self.talk.zone
        return fields

    def say(self, text, key=None):
        message = self.days.fill(text)
        self.told.append(f"> {message}")
        self.last = (message, key or uuid.uuid4().hex)
        meanwhile, self.meanwhile = self.meanwhile, None
        if self.talk.whole:
            return self.front.ask(self.user, message, key=self.last[1], **self.fields())
        if not meanwhile:
            return self.front.stream(self.user, message, key=self.last[1], **self.fields())
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            beside = pool.submit(meanwhile)
            answer = self.front.stream(self.user, message, key=self.last[1], **self.fields())
            beside.result()
            return answer

    def press(self, text):
        word, _, which = text.partition(" ")
        self.told.append(f"[{word}]")
        if not self.open:
            raise Failed("there is no proposal to press a button of")
        proposal = self.open[int(which) - 1 if which else -1]
        path = f"/v1/proposals/{proposal['id']}/{'confirm' if word == 'yes' else 'reject'}"
        answer = self.front.request("POST", path, {"user": self.user}, self.front.grant_headers(self.user))
        return self.front.keep_grant(self.user, answer)

    def do(self, text):
        self.told.append(f"({text})")
        for name, act in ACTS.items():
            if text.startswith(name):
                return act(self, text.removeprefix(name).strip())
        raise Failed(f"nobody knows how to {text}")

    def judge(self, step, answer):
        self.told.append(f"< {answer.text or answer.error}")
        told = answer.text + " " + str((answer.error or {}).get("detail", ""))
        if step.error != (answer.error or {}).get("code"):
            raise Failed(f"error {(answer.error or {}).get('code')} instead of {step.error}: {answer.error}")
        if not step.error and not answer.done:
            raise Failed("the answer did not end")
        for words, wanted in ((step.seen, True), (step.unseen, False)):
            for word in words:
                word = self.days.fill(word)
                if bool(re.search(word, told, re.IGNORECASE)) != wanted:
                    raise Failed(f"the owner {'does not see' if wanted else 'sees'} \"{word}\"")
        self.judge_tools(step, answer)
        self.judge_google(step)
        self.judge_proposals(step, answer)

    def judge_tools(self, step, answer):
        ran = [d["name"] for e, d in answer.events if e == "tool" and d["state"] != "running"]
        self.told += [f"  tools: {' '.join(ran)}"] if ran else []
        if step.tools is not None and not self.talk.whole and ran != step.tools:
            raise Failed(f"tools {ran} instead of {step.tools}")

    def asked_google(self):
        """The calendar's requests for this owner so far, each by the last word of its path."""
        paths = [r["path"] for r in self.admin.requests() if r.get("account") == self.user and r["service"] == "calendar"]
        return [path.partition("?")[0].rpartition("/")[2] for path in paths]

    def judge_google(self, step):
        if step.google is None:
            return
        asked = self.asked_google()[self.asked:]
        if asked != step.google:
            raise Failed(f"Google was asked for {asked} instead of {step.google}")

    def judge_proposals(self, step, answer):
        made = [d for e, d in answer.events if e == "proposal"] or (answer.json or {}).get("proposals") or []
        self.told += [f"  proposed: {p['summary']}" for p in made]
        self.open += made
        if len(made) != len(step.proposed):
            raise Failed(f"{len(made)} proposals instead of {len(step.proposed)}: {made}")
        for proposal, words in zip(made, step.proposed):
            for word in words:
                if not re.search(self.days.fill(word), proposal["summary"], re.IGNORECASE):
                    raise Failed(f"the proposal does not say \"{word}\": {proposal['summary']}")

    def judge_calendar(self, step, before):
        now = self.calendar()
        if not step.calendar:
            if now != before:
                raise Failed(f"the calendar changed: {listing(before)} became {listing(now)}")
            return
        left, missing = list(now), []
        for line in step.calendar if step.calendar != ["nothing"] else []:
            found = [e for e in left if self.fits(self.expected(line), e)]
            if found:
                left.remove(found[0])
            else:
                missing.append(line)
        if missing or left:
            raise Failed(f"the calendar lacks {missing}, and beside what was expected it holds {listing(left)}")

    def judge_memory(self, step):
        got = self.front.user("GET", self.user, "memory").json
        items = sorted(i["text"] for i in (got["items"] if isinstance(got, dict) else got))
        if items != sorted(step.memory):
            raise Failed(f"remembered: {items} instead of {step.memory}")

    def play_step(self, step):
        before = self.calendar()
        if step.google is not None:
            self.asked = len(self.asked_google())
        answer = {"say": self.say, "press": self.press, "do": self.do}[step.kind](step.text)
        if answer is not None:
            self.judge(step, answer)
        if answer is not None or step.calendar:
            self.judge_calendar(step, before)
        if step.memory is not None:
            self.judge_memory(step)

    def play(self):
        """None when all is as the script says, else what is not."""
        step = None
        try:
            self.connect()
            for step in self.talk.steps:
                self.play_step(step)
            return None
        except Failed as failure:
            where = step.line if step else self.talk.line
            return f"{self.talk.file}:{where}: {failure}"
        except (AssertionError, IndexError, OSError, KeyError, ValueError) as failure:
            where = step.line if step else self.talk.line
            return f"{self.talk.file}:{where}: {type(failure).__name__}: {failure}"


def guest(text):
    """sam@example.com, or "Sam Lee <sam@example.com>"."""
    named = re.fullmatch(r"(.*?)\s*<(.+)>", text)
    return {"email": named[2], "displayName": named[1]} if named else {"email": text}


def listing(events):
    return [f"{e['title']} {e['start']}–{e['end']} {e['rule']} {' '.join(e['guests'])}".strip() for e in events]
