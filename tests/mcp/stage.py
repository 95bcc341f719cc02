"""A whole Cloister with a business that customers can find, book and ask: for the MCP suite and its benchmark."""

import json
import pathlib
import sys
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "main"))

from cluster import Cluster, wait_until  # noqa: E402

SLUG, OWNER = "salon-linde", "owner"
PROFILE = {
    "name": "Salon Linde", "category": "hairdresser", "summary": "Cuts and colours by the lake.",
    "description": "A small salon. Walk-ins on Saturdays.",
    "address": {"street": "Seestrasse 1", "postal_code": "8002", "city": "Zurich", "country": "CH"},
    "location": {"latitude": 47.3663, "longitude": 8.5364},
    "services": [{"id": "cut", "name": "Cut", "description": "Wash and cut.", "duration_minutes": 45,
                  "price": {"min": 70, "max": 90, "currency": "CHF"}, "notice_minutes": 60, "horizon_days": 60,
                  "step_minutes": 15, "mode": "at_business"},
                 {"id": "colour", "name": "Colour", "duration_minutes": 120, "horizon_days": 60, "mode": "at_business"}],
    "hours": {"timezone": "Europe/Zurich",
              "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "08:00", "closes": "20:00"}]},
    "languages": ["de", "en"], "contacts": {"phone": "+41 44 555 01 02", "email": "hello@linde.example"},
    "attributes": {"parking": True, "wheelchair_access": True},
    "features": {"booking": True, "inquiries": True, "chat": True, "agent_answers": True},
}


class Stage(Cluster):
    @property
    def public(self):
        return f"http://127.0.0.1:{self.public_port}"

    def get(self, path, headers=None):
        """Status and parsed body of a public GET."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.public + path, headers=headers or {}), timeout=20) as got:
                return got.status, json.loads(got.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())
        except OSError:
            return 0, None

    def publish(self, slug=SLUG, profile=None, user=OWNER):
        grant = self.front.grant_headers(user)
        put = self.front.request("PUT", f"/v1/businesses/{slug}?user={user}", {"profile": profile or PROFILE}, grant)
        assert put.status == 200, put
        done = self.front.request("POST", f"/v1/businesses/{slug}/publish?user={user}", {}, grant)
        assert done.status == 200, done
        wait_until(20, lambda: self.get(f"/v1/businesses/{slug}")[0] == 200, f"{slug} is found by customers")


def stage(extra=""):
    """A running one, its business published. The caller stops it."""
    made = Stage(extra=extra)
    try:
        made.connect(OWNER, timezone="Europe/Zurich")
        made.publish()
    except BaseException:
        print(made.log()[-6000:], file=sys.stderr)
        made.stop()
        raise
    return made
