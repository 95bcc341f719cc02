"""What happens beside the owner's words: the lines that begin with "do"."""

from cluster import kill, wait_until

ACTS = {}


def act(name):
    def keep(function):
        ACTS[name] = function
        return function
    return keep


@act("speak in")
def speak_in(player, name):
    player.conversation = name


@act("forget the session")
def forget_session(player, _):
    answer = player.front.user("DELETE", player.user, "session")
    assert answer.status == 204, answer


@act("kill the agent")
def kill_agent(player, _):
    """Every agent that is idle now loses its process; what was said before must not matter."""
    pids = {agent["pid"] for agent in player.cluster.agents() if agent["state"] == "idle"}
    for pid in pids:
        kill(pid)
    wait_until(10, lambda: not pids & {agent["pid"] for agent in player.cluster.agents()}, "news of the deaths")


def in_google(player, title):
    """The event of that title as Google has it, and where."""
    found = [e for e in player.admin.events(player.user) if e.get("summary") == title]
    assert found, f"there is no {title}"
    return found[0]


@act("delete")
def delete(player, title):
    """Somebody deletes it in Google Calendar."""
    player.admin.call("DELETE", f"/accounts/{player.user}/events/{in_google(player, title)['id']}")


@act("change")
def change(player, line):
    """Somebody moves it in Google Calendar: "TITLE | WHEN"."""
    event, there = player.event(line), in_google(player, line.split("|")[0].strip())
    there.update(start=event["start"], end=event["end"])
    player.admin.call("POST", player.events_path(), there)


@act("repeat")
def repeat(player, _):
    """The same request again, under the same key."""
    message, key = player.last
    return player.say(message, key)


@act("take the rights back")
def take_back(player, _):
    """The owner removes Cloister's access in their Google account."""
    player.admin.call("POST", f"/tokens/{player.user}/kill")


@act("allow")
def allow(player, features):
    player.cluster.connect(player.user, features=features.split(), timezone=player.talk.zone)


@act("correct the memory to")
def correct_memory(player, text):
    """By the API, as the memory page does it."""
    got = player.front.user("GET", player.user, "memory").json
    item, = got["items"] if isinstance(got, dict) else got
    answer = player.front.user("PUT", player.user, f"memory/{item['id']}", {"text": text})
    assert answer.status in (200, 204), answer


@act("break the model")
def break_model(player, kind):
    player.admin.fault("model", kind)


@act("let the model think")
def let_think(player, _):
    player.admin.call("POST", "/settings", {"thinking": True})


@act("lose Google's answer to")
def lose_answer(player, method):
    player.admin.fault("calendar", "lost_answer", method=method, path_contains="/events", account=player.user)


@act("let Google refuse once")
def refuse_once(player, _):
    player.admin.fault("calendar", "status", status=503, account=player.user)


@act("kill the turn once it wrote")
def kill_after_write(player, _):
    """During the next message: once its event is there, while the model is silent about it."""
    player.admin.fault("model", "hang", after=2)

    def killer():
        wait_until(20, lambda: player.admin.events(player.user), "the event")
        agent, = [a for a in player.cluster.agents() if a["state"] == "busy"]
        kill(agent["pid"])
    player.meanwhile = killer
