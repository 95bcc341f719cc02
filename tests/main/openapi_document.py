"""gateway/openapi.yaml, and whether an answer is one that it describes."""

import json
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-yaml and python3-jsonschema, for any Python that runs this
sys.path.append(str(TOP / "gateway/docs"))

import jsonschema
import yaml
from curl import curl  # the commands of the page /docs

METHODS = ("get", "head", "post", "put", "delete")
TOLD = {"retry-after", "set-cookie", "cloister-grant", "www-authenticate", "location"}  # never sent without being documented
EVENTS = {"done": "StreamDone", "error": "StreamError", "proposal": "Proposal"}


class Operation:
    def __init__(self, document, path, item, method):
        raw = item[method]
        self.name, self.method, self.path = raw["operationId"], method.upper(), path
        self.ways = raw.get("security", document.spec["security"])  # each a set of schemes
        self.tags, self.right = raw["tags"], raw.get("x-right", "any")
        self.parameters = [document.resolve(p) for p in [*item.get("parameters", []), *raw.get("parameters", [])]]
        body = document.resolve(raw.get("requestBody", {})).get("content", {})
        self.body = next(iter(body), None)  # its media type
        self.answers = {status: document.resolve(answer) for status, answer in raw["responses"].items()}
        self.statuses = sorted(int(status) for status in self.answers if status != "default")

    def takes(self, *schemes):
        """Whether exactly these together let a caller in."""
        return any(set(way) == set(schemes) for way in self.ways)

    @property
    def for_user(self):
        return self.takes("frontendKey", "grant") and self.name != "createConnectLink"

    def __repr__(self):
        return f"{self.method} {self.path}"


class Document:
    def __init__(self, path=TOP / "gateway/openapi.yaml"):
        self.spec = yaml.safe_load(path.read_text())
        self.operations = {}
        for path, item in self.spec["paths"].items():
            for method in METHODS:
                if method in item:
                    operation = Operation(self, path, item, method)
                    self.operations[operation.name] = operation
        codes = self.spec["components"]["schemas"]["ProblemCode"]["oneOf"]
        self.codes = {code["const"]: code["x-status"] for code in codes}

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            at = self.spec
            for step in node["$ref"].removeprefix("#/").split("/"):
                at = at[step.replace("~1", "/")]
            node = at
        return node

    def whole(self, node):
        """A schema with every $ref in it followed."""
        node = self.resolve(node)
        if isinstance(node, dict):
            return {key: self.whole(value) for key, value in node.items()}
        return [self.whole(value) for value in node] if isinstance(node, list) else node

    def misfits(self, schema, value, where):
        validator = jsonschema.Draft202012Validator(self.whole(schema), format_checker=jsonschema.FormatChecker())
        return [f"{where}{'.'.join(str(p) for p in error.path)}: {error.message[:200]}" for error in validator.iter_errors(value)]

    def named(self, schema):
        return self.spec["components"]["schemas"][schema]

    def examples(self):
        """(where, schema, value) of every example."""
        def of_media(where, media):
            for name, value in [("", media.get("example")), *((k, v["value"]) for k, v in media.get("examples", {}).items())]:
                if value is not None:
                    yield f"{where} {name}", media["schema"], value
        for operation in self.operations.values():
            raw = self.spec["paths"][operation.path][operation.method.lower()]
            for kind, media in self.resolve(raw.get("requestBody", {})).get("content", {}).items():
                yield from of_media(f"{operation} body", media)
            for status, answer in operation.answers.items():
                for kind, media in answer.get("content", {}).items():
                    yield from of_media(f"{operation} {status} {kind}", media)
            for parameter in operation.parameters:
                if "example" in parameter:
                    yield f"{operation} {parameter['name']}", parameter["schema"], parameter["example"]

    def command(self, operation):
        """The curl command that the page shows, or None."""
        item = self.spec["paths"][operation.path]
        method = operation.method.lower()
        return curl(self.spec, operation.path, item.get("parameters", []), method, item[method])

    # -- an answer --
    def faults(self, operation, answer):
        """What an answer has that the document does not say, or lacks that it does."""
        described = operation.answers.get(str(answer.status)) or operation.answers.get("default", {})
        headers = {name.lower(): value for name, value in answer.headers.items()}
        faults = []
        if str(answer.status) not in operation.answers and (answer.json or {}).get("code") not in described.get("x-codes", []):
            faults.append(f"status {answer.status} is not documented")
        return faults + self.header_faults(described, headers) + self.body_faults(operation, described, headers, answer)

    def header_faults(self, described, headers):
        faults, known = [], {}
        for name, header in described.get("headers", {}).items():
            known[name.lower()] = self.resolve(header)
        for name, header in known.items():
            if name in headers:
                faults += self.misfits(header["schema"], headers[name], f"header {name}")
            elif header.get("required"):
                faults.append(f"header {name} is missing")
        return faults + [f"header {name} is not documented" for name in TOLD & headers.keys() - known.keys()]

    def body_faults(self, operation, described, headers, answer):
        content = described.get("content", {})
        kind = headers.get("content-type", "").split(";")[0]
        if not content or operation.method == "HEAD":
            return [f"a body of {len(answer.body)} bytes is not documented"] if answer.body else []
        if kind not in content:
            return [f"content type {kind!r} is not documented"]
        if kind == "text/event-stream":
            return self.stream_faults(answer)
        if not kind.endswith("json"):
            return self.misfits(content[kind]["schema"], answer.body, "body")
        faults = self.misfits(content[kind]["schema"], answer.json, "")
        if kind == "application/problem+json" and not faults:
            faults += self.code_faults(described, answer)
        return faults

    def code_faults(self, described, answer):
        code = answer.json["code"]
        faults = []
        if code not in described.get("x-codes", []):
            faults.append(f"code {code} is not documented for this status")
        if answer.status not in self.codes[code]:
            faults.append(f"code {code} came with {answer.status}")
        if answer.json["status"] != answer.status:
            faults.append(f"the problem's status is {answer.json['status']}")
        return faults

    def stream_faults(self, answer):
        faults, last = [], None
        for last, data in answer.events:
            if last in EVENTS:
                faults += self.misfits(self.named(EVENTS[last]), data, f"{last} ")
            elif last not in ("delta", "tool"):
                faults.append(f"event {last} is not documented")
        if last not in ("done", "error"):
            faults.append(f"the stream ends with {last}")
        if "message" in json.dumps([name for name, _ in answer.events]):
            faults.append("an event without a name")
        return faults
