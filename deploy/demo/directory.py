#!/usr/bin/env python3
"""The demo's directory: a few hundred businesses that nobody has, the same ones every time. Names are made of syllables,
mail addresses end in .example, telephone numbers come from ranges for made-up ones.

usage: directory.py [NUMBER]     one JSON object a line: {slug, owner, profile}
The first twenty have an owner of their own each, whose calendar takes bookings (the very first is that of the user `demo`);
the others belong to a few, and can only be found and asked."""

import json
import random
import re
import sys
import unicodedata

from kinds import KINDS, SENTENCES
from places import COUNTRIES, PLACES

NUMBER, BOOKABLE, OTHER_OWNERS = 320, 20, 4
BOOKABLE_KINDS = ["hairdresser", "barber", "massage", "physiotherapist", "plumber", "tutor", "photographer", "yoga-studio",
                  "karaoke-bar", "bike-workshop", "veterinarian", "it-help"]
BOOKABLE_CITIES = ["Berlin", "Berlin", "London", "New York", "Paris", "Bengaluru", "Tokyo", "São Paulo", "Sydney", "Kathmandu"]
STARTS = ["Bren", "Tar", "Mol", "Quis", "Vel", "Orr", "Lum", "Haz", "Fen", "Dral", "Sor", "Kell", "Min", "Pav", "Rul", "Wen", "Zab", "Ild", "Cor", "Thes"]
MIDDLES = ["a", "e", "i", "o", "u", "ari", "eno", "ila", "ova", "ume"]
ENDS = ["lo", "vik", "dane", "sson", "tello", "mar", "nu", "rick", "bel", "tova", "zin", "quay"]


def slug_of(text):
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ł", "l").replace("İ", "I")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60]


def digits(pattern, rng):
    return re.sub("#", lambda _: str(rng.randrange(1, 10)), pattern)


def price(least, most, country, rng):
    currency, level, _, _ = COUNTRIES[country]
    if most == 0:
        return None
    step = 5 if level < 5 else 50 if level < 50 else 500
    at = rng.uniform(0.9, 1.1) * level
    low = max(step, round(least * at / step) * step)
    return {"min": low, "max": max(low, round(most * at / step) * step), "currency": currency}


def services(kind, country, rng):
    made = []
    for word, name, minutes, least, most, mode in KINDS[kind][3]:
        one = {"id": word, "name": name, "duration_minutes": minutes, "mode": mode, "step_minutes": 15 if minutes < 60 else 30,
               "notice_minutes": rng.choice([0, 60, 120, 24 * 60]) if kind not in ("plumber", "locksmith") else 0,
               "horizon_days": rng.choice([30, 60, 90]), "buffer_after_minutes": rng.choice([0, 5, 10, 15])}
        if mode == "at_customer":
            one["buffer_before_minutes"] = 30
        cost = price(least, most, country, rng)
        if cost:
            one["price"] = cost
        made.append(one)
    return made


def hours(kind, zone, rng):
    weekly = [{"days": days, "opens": opens, "closes": closes} for days, opens, closes in KINDS[kind][2]]
    made = {"timezone": zone, "weekly": weekly}
    if rng.random() < 0.3:
        made["exceptions"] = [{"date": "2026-12-25", "closed": True}, {"date": "2027-01-01", "closed": True}]
    return made


def texts(name, kind, city, languages, rng):
    summary = KINDS[kind][1]
    local = SENTENCES.get(languages[0], "").format(name=name, city=city)
    more = rng.choice(["Family business since long ago.", "Two people and a kettle.", "New in the street.", "Third generation.",
                       "Run by three friends.", "Small, calm and on time."])
    return summary, " ".join(part for part in (local, summary, f"In the middle of {city}.", more) if part)


def business(number, rng, taken):
    """The number decides kind and place for those that can be booked; the others are drawn."""
    bookable = number < BOOKABLE
    kind = BOOKABLE_KINDS[number % len(BOOKABLE_KINDS)] if bookable else rng.choice(sorted(KINDS))
    places = [p for p in PLACES if p[0] == BOOKABLE_CITIES[number // 2]] if bookable else PLACES
    city, region, country, zone, latitude, longitude, postal, streets, _ = rng.choices(places, [p[8] for p in places])[0]
    while True:
        name = f"{rng.choice(STARTS)}{rng.choice(MIDDLES)}{rng.choice(ENDS)} {KINDS[kind][0]}"
        slug = slug_of(f"{name} {city}")
        if slug not in taken:
            break
    taken.add(slug)
    languages = list(COUNTRIES[country][2])
    if rng.random() < 0.2:
        languages.append(rng.choice([w for w in ("ar", "uk", "zh", "es", "fr", "en") if w not in languages]))
    summary, description = texts(name, kind, city, languages, rng)
    offered = services(kind, country, rng)
    profile = {
        "name": name, "category": kind, "summary": summary, "description": description,
        "address": {"street": f"{rng.choice(streets)} {rng.randrange(1, 120)}", "postal_code": digits(postal, rng), "city": city,
                    "region": region, "country": country},
        "location": {"latitude": round(latitude + rng.uniform(-0.05, 0.05), 5), "longitude": round(longitude + rng.uniform(-0.05, 0.05), 5)},
        "services": offered, "hours": hours(kind, zone, rng), "languages": languages,
        "contacts": {"email": f"hello@{slug}.example", "website": f"https://{slug}.example"},
        "attributes": {word: rng.random() < 0.8 for word in KINDS[kind][4] if rng.random() < 0.7},
        "features": {"booking": bookable, "inquiries": True, "chat": bookable, "agent_answers": bookable},
    }
    if any(s["mode"] == "at_customer" for s in offered):
        profile["service_area"] = {"place": city, "radius_km": rng.choice([10, 20, 35]), "country": country}
    number_of_film = COUNTRIES[country][3]
    if number_of_film:
        profile["contacts"]["phone"] = number_of_film.format(rng.randrange(0, 99))
    owner = f"directory{number % OTHER_OWNERS}"
    if bookable:
        owner = "demo" if number == 0 else name.split()[0].lower()
    return {"slug": slug, "owner": owner, "timezone": zone, "profile": profile}


def directory(number=NUMBER):
    rng, taken = random.Random("Cloister's demo"), set()
    return [business(i, rng, taken) for i in range(number)]


def main():
    for one in directory(int(sys.argv[1]) if len(sys.argv) > 1 else NUMBER):
        print(json.dumps(one, ensure_ascii=False))


if __name__ == "__main__":
    main()
