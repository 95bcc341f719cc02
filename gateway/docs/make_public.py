#!/usr/bin/python3
"""Completes the public instance's OpenAPI document: make_public.py openapi_public.yaml operations.json openapi.yaml OUTPUT.

Schemas come from the table of operations (business/api), which also checks what is sent. A method that names an
`x-operation` gets its description, its request body, the schema of its answer, and the parameters that `x-query`
names (query name: argument). Problem codes are those of openapi.yaml that `x-problem-codes` names."""

import json
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

import yaml

METHODS = ("get", "post")


def parameters(method, arguments):
    """The query string's part of the arguments."""
    wanted = method.pop("x-query", {})
    found = []
    for name, argument in wanted.items():
        schema = dict(arguments["properties"][argument])
        about = schema.pop("description", "")
        if schema.get("type") == "object":
            schema = {"type": "array", "items": {"type": "string"}, "maxItems": schema.get("maxProperties", 20)}
            about += " As name:value, as often as needed."
        found.append({"name": name, "in": "query", "required": argument in arguments.get("required", []),
                      "description": about.strip(), "schema": schema})
    return found


def body_schema(arguments, path):
    """What the path and the headers do not say already."""
    left = {name: schema for name, schema in arguments["properties"].items()
            if not (name in ("reference", "secret") and "{reference}" in path)}
    schema = dict(arguments, properties=left)
    required = [name for name in arguments.get("required", []) if name in left]
    schema.pop("required", None)
    return dict(schema, required=required) if required else schema


def complete(path, method, operations, schemas):
    name = method.pop("x-operation", None)
    if name is None:
        return
    operation = operations[name]
    method["description"] = (operation["about"] + "\n\n" + method.get("description", "")).strip()
    query = parameters(method, operation["arguments"])
    if query:
        method["parameters"] = query + method.get("parameters", [])
    body = method.pop("x-body", False)
    if body:
        schemas[f"{name}_arguments"] = body_schema(operation["arguments"], path)
        method["requestBody"] = {"required": body != "optional", "content": {"application/json": {
            "schema": {"$ref": f"#/components/schemas/{name}_arguments"}}}}
    for response in method["responses"].values():
        if response.pop("x-result", False):
            schemas[f"{name}_result"] = operation["result"]
            response["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}_result"}}}


def main():
    template, table, owners, output = sys.argv[1:]
    with open(template, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    with open(table, encoding="utf-8") as file:
        operations = json.load(file)
    for path, item in document["paths"].items():
        for word in METHODS:
            if word in item:
                complete(path, item[word], operations, document["components"]["schemas"])
    with open(owners, encoding="utf-8") as file:
        codes = yaml.safe_load(file)["components"]["schemas"]["ProblemCode"]["oneOf"]
    wanted = document["components"].pop("x-problem-codes")
    document["components"]["schemas"]["ProblemCode"] = {"type": "string", "oneOf": [row for row in codes if row["const"] in wanted]}
    document["components"]["responses"]["FrontDoor"]["x-codes"] = [row["const"] for row in codes if row["const"] in wanted]
    with open(output, "w", encoding="utf-8") as file:
        file.write("# Made from gateway/openapi_public.yaml and the table of operations in business/api.\n")
        yaml.safe_dump(document, file, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False)


main()
