"""Who waits for ever: an agent that says half a message and nothing after it, and an egress that never answers. What
holds whom is ended by the turn's time, and an agent that answers no ping is ended as well.

Each is tried with all walls, then with one of them alone, then with none of them: then it must be held for good."""

import contextlib
import os
import pathlib
import signal
import threading
import uuid

from stage import Controls, wait_until  # first: it finds the other suites' helpers

TIME_MS = 6000  # of a turn; then it has two seconds to end
HELD_S = 13  # longer than that is for good
PINGED_S = 30  # where only pings tell: each quarter of a minute, with five seconds to answer


def half_message(stage, seconds=HELD_S):
    """By the agent's process: its user is told anyway."""
    user = "h" + uuid.uuid4().hex[:10]
    stage.connect(user)
    asking = threading.Thread(target=lambda: stage.front.stream(user, "hostile agent half_message "))
    asking.start()
    busy = lambda: [a["pid"] for a in stage.agents() if a["state"] == "busy"]
    wait_until(10, busy, "an agent that is at it")
    (pid,) = busy()
    try:
        wait_until(seconds, lambda: not os.path.exists(f"/proc/{pid}"), "its end")
        return "killed: its time was over"
    except AssertionError:
        return f"out: held for {seconds} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        asking.join()


def no_answer(stage, seconds=HELD_S):
    """By the user's answer."""
    user, path, told = "h" + uuid.uuid4().hex[:10], pathlib.Path(stage.dir / "etc/taken"), []
    stage.connect(user)
    path.write_text("silent 1\n")
    asking = threading.Thread(target=lambda: told.append(stage.front.stream(user, "What do I have tomorrow?", timezone="Europe/Berlin")))
    asking.start()
    try:
        asking.join(seconds)
        return f"stopped: {told[0].code}" if told else f"out: held for {seconds} s"
    finally:
        path.unlink()
        for agent in stage.agents():
            with contextlib.suppress(ProcessLookupError):
                os.kill(agent["pid"], signal.SIGKILL)
        asking.join()


def run(stage, judge):
    """`judge(title, who, walls, left, told, wanted)` hears each."""
    title, walls = "half a message, and nothing after it", ("RELAY_OVERDUE", "RELAY_SILENT")
    tries = [((), "all", HELD_S, False), (("RELAY_SILENT",), "RELAY_OVERDUE", HELD_S, False),
             (("RELAY_OVERDUE",), "RELAY_SILENT", PINGED_S, False), (walls, None, HELD_S, True)]
    for away, left, seconds, wanted in tries:
        stage.take_away(away)
        judge(title, "agent", walls, left, half_message(stage, seconds), wanted)
    title, walls = "egress that never answers", ("turn-deadline", "RELAY_OVERDUE")
    for away, left, wanted in (((), "all", False), (walls, None, True)):
        stage.take_away(away)
        judge(title, "egress", walls, left, no_answer(stage), wanted)
    stage.take_away(())


if __name__ == "__main__":
    played = Controls(turn_ms=TIME_MS)
    try:
        run(played, lambda *told: print(*told, flush=True))
    finally:
        played.stop()
