"""Writes the curl command that makes a request of the document."""

import json
import re

from schema import resolve


def quoted(text):
    """For a shell: in double quotes, so that $KEY and its like stay variables."""
    return '"' + re.sub(r'(["\\`])', r"\\\1", text) + '"'


def curl(spec, path, shared, method, operation):
    """The command, or None for what only a browser does (x-curl: false)."""
    if operation.get("x-curl") is False:
        return None
    options, query = [], []
    for parameter in [resolve(spec, p) for p in [*shared, *operation.get("parameters", ())]]:
        value = parameter.get("example")
        if value is None:
            continue
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", str(value))
        elif parameter["in"] == "query":
            query.append(f"{parameter['name']}={value}")
        elif parameter["in"] == "header":
            options.append(f"-H {quoted(parameter['name'] + ': ' + value)}")
    first = next(iter(operation.get("security", spec.get("security", []))), {})
    if "frontendKey" in first:
        options.append('-H "Authorization: Bearer $KEY"')
    if "grant" in first:
        options.append('-H "Cloister-Grant: $GRANT"')
    streamed = "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
    if streamed:
        options.append('-H "Accept: text/event-stream"')
    body = resolve(spec, operation.get("requestBody", {})).get("content", {})
    for kind, media in body.items():
        if "example" in media:
            text = media["example"] if isinstance(media["example"], str) else json.dumps(media["example"], ensure_ascii=False)
            options += [f"-H {quoted('Content-Type: ' + kind)}", "-d '" + text.replace("'", "'\\''") + "'"]
    operators = "operators" in operation["tags"]
    address = f"http://localhost{path}" if operators else f"$CLOISTER{path}"
    start = "curl -sS"
    if operators:
        start += ' --unix-socket "$RUNTIME_DIR/operator/gateway-owner.sock"'
    start += " -N" if streamed else ""
    start += {"get": "", "head": " -I"}.get(method, f" -X {method.upper()}")
    where = quoted(address + ("?" + "&".join(query) if query else ""))
    return " \\\n  ".join([f"{start} {where}", *options])
