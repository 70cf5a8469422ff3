"""What the contract cannot say, so that Schemathesis does not take it for a fault."""

import os
import datetime
import re
import uuid

import schemathesis
from hypothesis import strategies as st

LETTERS = st.characters(categories=("L",))
NAME = LETTERS | st.characters(categories=("M",)) | st.sampled_from(" '’-.")

KEY = re.compile(r'("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255})')

# How a value of this format looks.
schemathesis.openapi.format("person-name", st.builds(str.__add__, LETTERS, st.text(NAME, max_size=49)))

MOMENTS = st.datetimes(min_value=datetime.datetime(1970, 1, 1), max_value=datetime.datetime(2199, 1, 1))
schemathesis.openapi.format("date-or-date-time", MOMENTS.map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"))
                            | MOMENTS.map(lambda at: at.strftime("%Y-%m-%d")))


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is not None and case.meta.generation.mode.is_negative:
        return  # meant to be refused, for a reason that a change could take away
    # A cursor goes on with the list that gave it, and with no other.
    query = case.query or {}
    if "cursor" in query and any(name in query for name in ("q", "from", "to", "min", "max", "sort")):
        del case.query["cursor"]
    # Bounds are amounts too.
    for name in ("min", "max"):
        if isinstance(query.get(name), float):
            case.query[name] = round(query[name], 2)
    # Of two bounds the first must be the lower.
    for first, second in [("from", "to"), ("min", "max")]:
        if first in query and second in query:
            del case.query[second]
    # A well-formed password may still be one that everybody has.
    if isinstance(case.body, dict) and "firstName" in case.body:
        password = case.body.get("password")
        if isinstance(password, str) and 8 <= len(password) <= 128 and "\0" not in password:
            case.body["password"] = f"correct horse {uuid.uuid4()}"
    # An amount has at most two decimals.
    if isinstance(case.body, dict) and isinstance(case.body.get("price"), float):
        case.body["price"] = max(0.01, round(case.body["price"], 2))
    # Only the password that the caller has is taken, and it must stay that for the requests that follow.
    if isinstance(case.body, dict) and "currentPassword" in case.body:
        case.body["currentPassword"] = case.body["newPassword"] = os.environ["CALLERS_PASSWORD"]
    # A key stands for the first payload that came with it.
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
