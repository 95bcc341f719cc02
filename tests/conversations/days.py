"""Days and times as the scripts write them, relative to the day on which they run."""

import datetime
import re
import zoneinfo

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
LENGTH = datetime.timedelta(days=1)


def clock_change(zone, today, forward):
    """The next day, from tomorrow on, on which the clocks of `zone` go forward or back."""
    def offset(day):
        return datetime.datetime.combine(day, datetime.time(0), zone).utcoffset()
    for n in range(1, 400):
        day = today + n * LENGTH
        shift = offset(day + LENGTH) - offset(day)
        if shift and (shift > datetime.timedelta(0)) == forward:
            return day
    raise ValueError(f"the clocks of {zone} do not change")


class Days:
    """What "+3", "fri", "forward" mean to somebody in `zone` today."""

    def __init__(self, zone):
        self.name, self.zone = zone, zoneinfo.ZoneInfo(zone)
        self.today = datetime.datetime.now(self.zone).date()

    def day(self, word):
        """today, +N, a weekday (the nearest after today), forward, back, a date; with +N or -N behind it."""
        base, sign, more = re.fullmatch(r"(\+?[\w-]+?)(?:([+-])(\d+))?", word).groups()
        if re.fullmatch(r"\d{4}-\d\d", base):  # a date was cut at its last dash
            base, sign, more = word, None, None
        if base == "today":
            day = self.today
        elif base.startswith("+"):
            day = self.today + int(base) * LENGTH
        elif base in WEEKDAYS:
            day = self.today + ((WEEKDAYS.index(base) - self.today.weekday() - 1) % 7 + 1) * LENGTH
        elif base in ("forward", "back"):
            day = clock_change(self.zone, self.today, base == "forward")
        else:
            day = datetime.date.fromisoformat(base)
        return day + (int(sign + more) if sign else 0) * LENGTH

    def fill(self, text):
        """{DAY} as a date, {DAY:FORMAT} as strftime writes it."""
        def one(found):
            day, _, form = found[1].partition(":")
            return self.day(day).strftime(form or "%Y-%m-%d")
        return re.sub(r"\{([^{}]+)\}", one, text)

    def moment(self, day, clock, zone):
        hour, minute = map(int, clock.split(":"))
        day += (hour // 24) * LENGTH
        # In UTC: two moments of one zone would be compared by their clocks.
        return datetime.datetime.combine(day, datetime.time(hour % 24, minute), zone).astimezone(datetime.timezone.utc)

    def span(self, text, clocks=None):
        """(all_day, start, end): dates, end exclusive, or moments.

        "DAY", "DAY..DAY", "DAY HH:MM-HH:MM [ZONE]", "DAY HH:MM+MINUTES [ZONE]"; without a zone in `clocks`, or its own."""
        words = text.split()
        if len(words) == 1:
            first, _, last = words[0].partition("..")
            return True, self.day(first), self.day(last or first) + LENGTH
        zone = zoneinfo.ZoneInfo(words[2] if len(words) > 2 else clocks or self.name)
        start, sign, end = re.fullmatch(r"([\d:]+)([-+])([\d:]+)", words[1]).groups()
        day = self.day(words[0])
        first = self.moment(day, start, zone)
        return False, first, first + datetime.timedelta(minutes=int(end)) if sign == "+" else self.moment(day, end, zone)


def of_google(side):
    """Google's start or end as a date or a moment."""
    if "date" in side:
        return datetime.date.fromisoformat(side["date"])
    when = datetime.datetime.fromisoformat(side["dateTime"].replace("Z", "+00:00"))
    when = when if when.tzinfo else when.replace(tzinfo=zoneinfo.ZoneInfo(side["timeZone"]))
    return when.astimezone(datetime.timezone.utc)
