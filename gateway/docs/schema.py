"""Shows JSON schemas as lists of fields."""

from html_parts import Html, definitions, join, tag


def resolve(spec, node):
    """Follows a $ref within the document."""
    while isinstance(node, dict) and "$ref" in node:
        at = spec
        for step in node["$ref"].removeprefix("#/").split("/"):
            at = at[step.replace("~1", "/").replace("~0", "~")]
        node = at
    return node


def type_of(spec, schema):
    """A type in words: "string", "list of Memory", "one of none, active"."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return tag("a", name, href=f"#schema-{name}")
    if "enum" in schema:
        return join("one of ", join(*[tag("code", word) for word in schema["enum"]], between=", "))
    if "const" in schema:
        return join("always ", tag("code", schema["const"]))
    if schema.get("type") == "array":
        return join("list of ", type_of(spec, schema.get("items", {})))
    return join(schema.get("type", "anything"))


def bounds_of(schema):
    """What else holds for a value, in words."""
    inner = schema.get("items", {}) if schema.get("type") == "array" else schema
    words = []
    if "format" in inner:
        words.append({"date-time": "a moment as in RFC 3339", "uri": "an address", "email": "an e-mail address"}
                     .get(inner["format"], inner["format"]))
    low, high = schema.get("minLength"), schema.get("maxLength")
    if high is not None:
        words.append(f"{low} to {high} bytes" if low else f"at most {high} bytes")
    if schema.get("minItems"):
        words.append(f"at least {schema['minItems']}")
    if schema.get("uniqueItems"):
        words.append("each once")
    if "default" in schema:
        words.append(f"without it {str(schema['default']).lower()}")
    return "; ".join(words)


def fields(spec, schema, words):
    """The list of an object's fields. `words` renders CommonMark."""
    schema = resolve(spec, schema)
    rows = []

    def add(prefix, inner):
        for name, field in inner.get("properties", {}).items():
            limits = bounds_of(field)
            beside = join(type_of(spec, field), f", {limits}" if limits else None,
                          "" if name in inner.get("required", ()) else " (not always)")
            rows.append((None, prefix + name, beside, words(field.get("description", ""))))
            below = field.get("items", {}) if field.get("type") == "array" else field
            add(f"{prefix}{name}{'[]' if below is not field else ''}.", below)
    add("", schema)
    return definitions(rows, "fields") if rows else Html("")
