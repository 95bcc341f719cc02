"""Builds HTML in which everything that is not markup already is escaped."""

import html


class Html(str):
    """Text that is markup; every other text is escaped before it joins one."""


VOID = {"meta", "link", "img"}


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
    """The first cell of each row heads it. `rows` is a list of (id or None, cells). The roles say what it is also
    where a style sheet stacks the cells."""
    body = [tag("tr", tag("th", cells[0], scope="row", role="rowheader"), [tag("td", cell, role="cell") for cell in cells[1:]],
                id=anchor, role="row") for anchor, cells in rows]
    head = tag("tr", [tag("th", head, scope="col", role="columnheader") for head in heads], role="row")
    return tag("table", tag("caption", caption), tag("thead", head, role="rowgroup"), tag("tbody", body, role="rowgroup"),
               role="table", class_=class_)


def definitions(rows, class_):
    """A list of (id or None, name, words beside it, meaning)."""
    return tag("dl", [[tag("dt", tag("code", name), " ", tag("span", beside) if beside else None, id=anchor), tag("dd", meaning)]
                      for anchor, name, beside, meaning in rows], class_=class_)
