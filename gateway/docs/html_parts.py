"""Builds HTML in which everything that is not markup already is escaped."""

import html


class Html(str):
    """Text that is markup; every other text is escaped before it joins one."""


VOID = {"meta", "link", "br", "hr"}


def join(*parts, between=""):
    """Parts, lists of parts and None, escaped where needed."""
    done = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, (list, tuple)):
            done.append(join(*part))
        else:
            done.append(part if isinstance(part, Html) else html.escape(str(part)))
    return Html(between.join(done))


def tag(name, /, *inside, **attributes):
    """One element; `class_` and `for_` stand for class and for, `_` in a name for `-`; None leaves an attribute out."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
                      for key, value in attributes.items() if value is not None)
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*inside)}</{name}>")


def table(caption, heads, rows, class_=None):
    """The first cell of each row heads it. `rows` is a list of (id or None, cells)."""
    body = [tag("tr", tag("th", cells[0], scope="row"), [tag("td", cell) for cell in cells[1:]], id=anchor)
            for anchor, cells in rows]
    return tag("table", tag("caption", caption),
               tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])), tag("tbody", body), class_=class_)
