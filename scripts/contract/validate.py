"""Validates the documents of docs/api by the rules of those who made the formats. """

import json
import pathlib

import jsonschema
import openapi_spec_validator

API = pathlib.Path("docs/api")
ASYNCAPI = "target/contract-tools/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"


def read(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def main():
    for name in ("openapi.json", "openapi-3.0.json"):
        openapi_spec_validator.validate(read(API / name))
    jsonschema.Draft7Validator(read(ASYNCAPI)).validate(read(API / "asyncapi.json"))
    schemas = sorted((API / "schemas").glob("*.json"))
    for path in schemas:
        jsonschema.Draft202012Validator.check_schema(read(path))
    print(f"openapi.json, openapi-3.0.json, asyncapi.json and {len(schemas)} schemas are valid")


main()
