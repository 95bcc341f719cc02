"""Other people's data, by way of the database: whoever can write there puts sealed bytes where they do not belong. What
opens is told by whose calendar and whose preferences the real turn then reads.

Each attempt is made with its rules in place, behind each of them alone, and with all of them away: then it must work."""

import datetime
import uuid
import zoneinfo

ZONE = "Europe/Berlin"
ASK = "What do I have tomorrow?"
REMEMBER = "Remember that I like {}"


def tomorrow(title):
    day = datetime.datetime.now(zoneinfo.ZoneInfo(ZONE)).date() + datetime.timedelta(days=1)
    at = lambda hour: {"dateTime": f"{day}T{hour}:00:00", "timeZone": ZONE}
    return {"summary": title, "start": at("10"), "end": at("11")}


class People:
    """An attacker and a victim of their own for each try, sealed as the rules of the moment have it."""

    def __init__(self, stage):
        self.stage = stage
        self.mine, self.theirs = ("u" + uuid.uuid4().hex[:8] for _ in "12")
        self.secret = "Zq" + uuid.uuid4().hex[:8]
        stage.connect(self.mine)
        stage.connect(self.theirs, events=[tomorrow(self.secret)])
        self.my_id, self.their_id = (self.user(name) for name in (self.mine, self.theirs))

    def user(self, name):
        return self.stage.sql(f"SELECT id FROM users WHERE name = '{name}'")[0][0]

    def sealed(self, user_id):
        return self.stage.sql(f"SELECT encode(sealed_refresh, 'hex') FROM connections WHERE user_id = '{user_id}'")[0][0]

    def ask(self):
        got = self.stage.front.stream(self.mine, ASK, timezone=ZONE, conversation=uuid.uuid4().hex[:8])
        return f"out: {self.secret}" if self.secret in got.text else f"stopped: {got.code or 'nothing of theirs'}"


def anothers_token(stage):
    people = People(stage)
    stage.sql(f"UPDATE connections SET sealed_refresh = decode('{people.sealed(people.their_id)}', 'hex') "
              f"WHERE user_id = '{people.my_id}'")
    return people.ask()


def anothers_connection(stage):
    people = People(stage)
    stage.sql(f"UPDATE connections SET state = 'pending', user_id = NULL WHERE user_id = '{people.my_id}'; "
              f"UPDATE connections SET user_id = '{people.my_id}' WHERE user_id = '{people.their_id}'")
    return people.ask()


def older_token(stage):
    """A token that was made useless, put back: here by a turn that is let for that moment, through TOKEN_COMMIT of a later
    version."""
    people = People(stage)
    before = people.sealed(people.my_id)
    with stage.without("KEYS_FLOOR"):
        told = stage.front.stream(people.mine, "hostile turn commit_own").text.strip()
    if told != "out":
        return f"could not begin: {told}"
    stage.sql(f"UPDATE connections SET sealed_refresh = decode('{before}', 'hex') WHERE user_id = '{people.my_id}'")
    got = stage.front.stream(people.mine, "Am I free tomorrow at 3pm?", timezone=ZONE)
    return "out: the old token was used" if got.done and not got.error else f"stopped: {got.code}"


def preference(people, stage, words):
    got = stage.front.stream(people.theirs, REMEMBER.format(words), timezone=ZONE)
    assert got.done and not got.error, got
    return stage.sql(f"SELECT id, encode(sealed, 'hex') FROM preferences WHERE user_id = '{people.their_id}'")[0]


def anothers_preference(stage):
    people = People(stage)
    name, sealed = preference(people, stage, "mornings")
    stage.sql(f"DELETE FROM preferences WHERE user_id = '{people.their_id}'; INSERT INTO preferences (id, user_id, sealed) "
              f"VALUES ('{name}', '{people.my_id}', decode('{sealed}', 'hex'))")
    got = stage.front.user("GET", people.mine, "memory")
    return "out: it was shown" if "mornings" in got.body else f"stopped: {got.status} {got.body[:40]}"


def preference_as_token(stage):
    """A blob of one purpose in the place of another: it would be taken for the refresh token."""
    people = People(stage)
    got = stage.front.stream(people.mine, REMEMBER.format("mornings"), timezone=ZONE)
    assert got.done, got
    stage.sql(f"UPDATE connections SET sealed_refresh = (SELECT sealed FROM preferences WHERE user_id = '{people.my_id}' LIMIT 1) "
              f"WHERE user_id = '{people.my_id}'")
    got = stage.front.stream(people.mine, "Am I free tomorrow at 3pm?", timezone=ZONE)
    return "out: it was opened" if got.done and not got.error else f"stopped: {got.code}"


ATTEMPTS = [
    ("another's sealed token in one's own row", anothers_token, ("seal-key", "seal-label")),
    ("another's connection, row and all", anothers_connection, ("KEYS_ROW_OWNER",)),
    ("a token that was made useless, put back", older_token, ("TOKEN_FLOOR",)),
    ("another's sealed preference in one's own rows", anothers_preference, ("seal-key", "seal-label")),
    ("a preference in the place of a token", preference_as_token, ("seal-key", "seal-label")),
]


def tries(walls):
    """(what is away, what is left or None for the control, whether it must be out)."""
    yield (), "all", False
    if len(walls) > 1:
        for left in walls:
            yield tuple(w for w in walls if w != left), left, False
    yield walls, None, True


def run(stage, judge, words=()):
    """On a stage whose walls can be taken away. `judge(title, who, walls, left, told, wanted)` hears each."""
    for title, attempt, walls in ATTEMPTS:
        if words and not any(w in title for w in words) and "data" not in words:
            continue
        for away, left, wanted in tries(walls):
            stage.take_away(away)
            judge(title, "database", walls, left, attempt(stage), wanted)
    stage.take_away(())


if __name__ == "__main__":
    import sys

    from stage import Controls
    played = Controls()
    try:
        run(played, lambda *told: print(*told), sys.argv[1:])
    finally:
        played.stop()
