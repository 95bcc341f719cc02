#!/usr/bin/python3
"""Turns an OpenAPI 3.1 document into one page of HTML: make_docs.py INPUT OUTPUT.

The page has no script and no style of its own; it links /assets/style.css and /assets/docs.css. Descriptions are CommonMark
with tables; HTML in them is shown, not obeyed. What it understands beyond OpenAPI: `x-codes` of a response (the problem codes
that it comes with) and, on each alternative of the schema ProblemCode, `x-status` and `x-next`."""

import json
import re
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

import markdown_it
import yaml

from curl import curl
from html_parts import Html, definitions, join, table, tag
from schema import fields, resolve, type_of

METHODS = ("get", "head", "post", "put", "delete")
markdown = markdown_it.MarkdownIt("commonmark", {"html": False}).enable("table")


def words(text):
    return Html(markdown.render(text)) if text else Html("")


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def heading(level, text, anchor):
    """A heading that can be linked to."""
    return tag(f"h{level}", text, " ", tag("a", "#", href=f"#{anchor}", class_="anchor", aria_label=f"Link to {text}"), id=anchor)


class Page:
    def __init__(self, spec):
        self.spec, self.contents = spec, []  # contents: (level, anchor, text)

    def resolve(self, node):
        return resolve(self.spec, node)

    def head(self, level, text, anchor):
        self.contents.append((level, anchor, text))
        return heading(level, text, anchor)

    # -- the guide --
    def guide(self):
        """info.description; its own headings (##) become sections of the page."""
        tokens, parts, at = markdown.parse(self.spec["info"]["description"]), [], 0
        for i, token in enumerate(tokens):
            if token.type == "heading_open" and token.tag == "h2":
                parts.append(self.rendered(tokens[at:i]))
                title = tokens[i + 1].content
                parts.append(self.head(2, title, slug(title)))
                at = i + 3
        return [*parts, self.rendered(tokens[at:])]

    @staticmethod
    def rendered(tokens):
        return Html(markdown.renderer.render(tokens, markdown.options, {}))

    # -- problem codes --
    def codes(self):
        rows = []
        for code in self.spec["components"]["schemas"]["ProblemCode"]["oneOf"]:
            status = ", ".join(str(s) for s in code["x-status"])
            rows.append((f"code-{code['const']}", [tag("code", code["const"]), status, words(code["description"]), words(code["x-next"])]))
        shown = table("Every code, with its status, what it means and what to do", ["Code", "Status", "Meaning", "Next step"], rows, class_="codes")
        return [self.head(2, "Problem codes", "problem-codes"),
                shown]

    @staticmethod
    def code_links(codes):
        return join(*[tag("a", tag("code", code), href=f"#code-{code}") for code in codes], between=", ")

    # -- one route --
    def callers(self, operation):
        schemes = self.spec["components"]["securitySchemes"]
        ways = [join(*[tag("a", schemes[name]["x-name"], href=f"#caller-{name}") for name in way], between=" and ")
                for way in operation.get("security", self.spec.get("security", []))]
        right = operation.get("x-right")
        needs = join(" A key needs the right ", tag("code", right), ".") if right else None
        return tag("p", tag("strong", "Who may call: "), join(*ways, between="; or ") if ways else "anybody", ".", needs, class_="callers")

    def parameters(self, shared, operation):
        rows = []
        for parameter in map(self.resolve, [*shared, *operation.get("parameters", ())]):
            needed = "" if parameter.get("required") else ", not needed"
            beside = join("in the ", parameter["in"], ", ", type_of(self.spec, parameter["schema"]), needed)
            rows.append((None, parameter["name"], beside, words(parameter.get("description", ""))))
        return [tag("h4", "Parameters"), definitions(rows, "fields")] if rows else None

    def examples(self, media):
        named = media.get("examples", {})
        if "example" in media:
            named = {"": {"value": media["example"]}}
        for example in named.values():
            value = example["value"]
            text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
            yield tag("figure", tag("figcaption", example.get("summary", "Example")), tag("pre", tag("code", text.strip("\n"))))

    def body(self, content):
        parts = []
        for kind, media in content.items():
            schema = media.get("schema", {})
            parts.append(tag("p", tag("code", kind), *([": ", type_of(self.spec, schema)] if "$ref" in schema else [])))
            if "$ref" not in schema:
                parts += [words(schema.get("description", "")), fields(self.spec, schema, words)]
            parts += self.examples(media)
        return parts

    def header_links(self, headers):
        """Links to the list of headers."""
        links = []
        for name, header in headers.items():
            link = tag("a", tag("code", name), href=f"#header-{header['$ref'].rsplit('/', 1)[1]}")
            links.append(link if self.resolve(header).get("required") else join(link, " (sometimes)"))
        return tag("p", "Headers: ", join(*links, between=", ")) if links else None

    def answer(self, status, response):
        response = self.resolve(response)
        parts = [words(response.get("description", ""))]
        if response.get("x-codes"):
            parts.append(tag("p", "Codes: ", self.code_links(response["x-codes"])))
        parts.append(self.header_links(response.get("headers", {})))
        content = response.get("content", {})
        if response.get("x-codes"):
            parts += [list(self.examples(media)) for media in content.values()]
        else:
            parts += self.body(content)
        return [tag("dt", tag("code", status), id=None), tag("dd", *parts)]

    def route(self, path, shared, method, operation):
        anchor = operation["operationId"]
        parts = [self.head(3, operation["summary"], anchor),
                 tag("p", tag("code", tag("b", method.upper()), " ", path), class_="route"),
                 words(operation.get("description", "")), self.callers(operation), self.parameters(shared, operation)]
        if "requestBody" in operation:
            parts += [tag("h4", "Body"), *self.body(self.resolve(operation["requestBody"])["content"])]
        told = curl(self.spec, path, shared, method, operation)
        if told:
            parts += [tag("h4", "With curl"), tag("pre", tag("code", told))]
        answers = [self.answer(status, response) for status, response in operation["responses"].items() if status != "default"]
        parts += [tag("h4", "Answers"), tag("dl", *answers, class_="answers")]
        if "default" in operation["responses"]:
            parts.append(tag("p", "And ", tag("a", "what can happen on any route", href="#any-route"), "."))
        return tag("article", *parts, class_="operation", aria_labelledby=anchor)

    def routes(self):
        parts = []
        for group in self.spec["tags"]:
            parts += [self.head(2, group["x-title"], f"routes-{group['name']}"), words(group.get("description", ""))]
            for path, item in self.spec["paths"].items():
                for method in METHODS:
                    if method in item and group["name"] in item[method]["tags"]:
                        parts.append(self.route(path, item.get("parameters", []), method, item[method]))
        return parts

    # -- the rest --
    def headers(self):
        rows = [(f"header-{name}", header["x-name"], "", words(header["description"]))
                for name, header in self.spec["components"]["headers"].items()]
        return [self.head(2, "Headers of answers", "headers"), definitions(rows, "fields")]

    def any_route(self):
        front_door = self.spec["components"]["responses"]["FrontDoor"]
        return [self.head(2, "On any route", "any-route"), words(front_door["description"]),
                tag("p", "Codes: ", self.code_links(front_door["x-codes"]))]

    def security(self):
        parts = [self.head(2, "Who is asking", "who-is-asking")]
        for name, scheme in self.spec["components"]["securitySchemes"].items():
            parts += [self.head(3, scheme["x-name"].capitalize(), f"caller-{name}"), words(scheme["description"])]
        return parts

    def schemas(self):
        parts = [self.head(2, "Objects", "objects")]
        for name, schema in self.spec["components"]["schemas"].items():
            parts += [self.head(3, name, f"schema-{name}"), words(schema.get("description", "")),
                      fields(self.spec, schema, words)]
            parts += self.examples({"examples": {str(i): {"value": value} for i, value in enumerate(schema.get("examples", ()))}})
            if name == "ProblemCode":
                parts.append(tag("p", "See ", tag("a", "Problem codes", href="#problem-codes"), "."))
        return parts

    def table_of_contents(self):
        groups = []
        for level, anchor, text in self.contents:
            link = tag("a", text, href=f"#{anchor}")
            if level == 2 or not groups:
                groups.append((link, []))
            else:
                groups[-1][1].append(tag("li", link))
        return tag("ul", [tag("li", link, tag("ul", inner) if inner else None) for link, inner in groups])

    def page(self):
        info = self.spec["info"]
        main = tag("main", tag("h1", info["title"], " ", tag("small", "API " + info["version"])),
                   tag("p", info["summary"], class_="lead"),
                   self.guide(), self.security(), self.codes(), self.routes(), self.any_route(), self.headers(), self.schemas(), id="content", tabindex="-1")
        head = tag("head", tag("meta", charset="utf-8"), tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                   tag("meta", name="color-scheme", content="light dark"), tag("title", f"{info['title']} API"),
                   tag("link", rel="icon", href="/assets/logo.svg", type="image/svg+xml"),
                   tag("link", rel="stylesheet", href="/assets/style.css"), tag("link", rel="stylesheet", href="/assets/docs.css"))
        logo = tag("img", src="/assets/logo.svg", alt="", width=28, height=28)
        top = tag("header", tag("a", logo, " ", info["title"], href="/", class_="brand"), tag("a", "openapi.yaml", href="/openapi.yaml"), class_="bar")
        nav = tag("nav", tag("p", "On this page", class_="nav-title"), self.table_of_contents(), aria_label="On this page", class_="docs-nav")
        skip = tag("a", "Skip to the content", href="#content", class_="skip")
        body = tag("body", skip, top, tag("div", nav, main, class_="docs-columns"), class_="docs")
        return "<!doctype html>\n" + tag("html", head, "\n", body, lang="en") + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: make_docs.py INPUT OUTPUT")
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = yaml.safe_load(file)
    page = Page(spec).page()
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    main()
