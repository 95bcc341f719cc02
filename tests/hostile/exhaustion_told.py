"""What a user is told whose agent or turn took more of the machine than it may: which limit it was, each in words of its own."""

from stage import Stage

ZONE = "Europe/Berlin"
TOLD = [
    ("agent", "processor", "took more of the machine than an agent may"),
    ("turn", "compute", "computed for longer than a turn may"),
    ("turn", "hungry", "needed more memory than a turn may have"),
]


def run(say=print):
    """Faults as lines of text."""
    stage, faults = Stage(rest_ms=500), []
    try:
        for role, attempt, words in TOLD:
            user = f"told-{attempt}"
            stage.connect(user)
            got = stage.front.stream(user, f"hostile {role} {attempt} ", timezone=ZONE)
            told = (got.error or {}).get("detail", "")
            say(f"    {attempt}: {got.code} {told!r}")
            if got.code != "agent_lost" or words not in told:
                faults.append(f"who is told of {attempt}: {got!r}")
    finally:
        stage.stop()
    return faults


if __name__ == "__main__":
    print("\n".join(run()))
