"""Bodies, forms and queries: read within limits and converted to Structs."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from changemaker_core.http.bodies.large import decoded
from changemaker_core.http.bodies.multipart import MULTIPART
from changemaker_core.http.bodies.uploads import store, upload_fields
from changemaker_core.http.errors import (
    BadRequest,
    FieldError,
    Invalid,
    Problem,
    UnsupportedMediaType,
)
from changemaker_core.http.sessions import csrf
from changemaker_core.http.validation import (
    cleaned,
    cleaned_pairs,
    errors_of,
    field_names,
    list_names,
)
from changemaker_core.text import Text
from changemaker_core.web.forms import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core.http.request import Request

T = TypeVar("T", bound=msgspec.Struct)

FORM_TYPE = "application/x-www-form-urlencoded"
#: Fields of one form; more is an attack on the parser.
MAX_FIELDS = 1_000
#: Values of an input of which every error is found. Of a larger one only the first is: a list of
#: 150,000 wrong values held the process for six seconds, and its errors were 16 MB.
MOST_VALUES = 1_000
_JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json")
#: PostgreSQL's text cannot hold it.
_NUL = "\x00"


def expect_stream(req: Request, media: str) -> None:
    """Raise ``Problem`` (415) where the body is not of the media type of ``streams=``."""
    if media != "*/*":
        _expect(req, re.compile(re.escape(media).replace(r"\*", r"[\w.+-]+")), media)


async def body(req: Request, struct: type[T]) -> T:
    """Return the JSON body as ``struct``.

    Raises ``Problem`` (400, 408, 413, 415) or ``Invalid`` with every error.
    """
    _expect(req, _JSON_TYPE, "application/json")
    raw = await req.body_bytes()
    return await decoded(len(raw), req.visitor, _body, struct, raw)


def _body(struct: type[T], raw: bytes) -> T:
    try:
        value: T = _decoder(struct).decode(raw)
    except msgspec.ValidationError:
        value = _decoded_again(struct, _plain(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from None
    # JSON has one way to write it; a body without that needs no second look.
    if b"\\u0000" in raw and _holds_nul(_plain(raw)):
        raise BadRequest(Text("Text must not contain the character U+0000."))
    return value


def _decoded_again(struct: type[T], data: Any) -> T:
    """Return a body that may have been invalid only for characters that nobody sees."""
    data = cleaned(struct, data)
    try:
        value: T = _decoder(struct).decode(msgspec.json.encode(data))
        return value
    except msgspec.ValidationError as error:
        raise _invalid(struct, data, str(error)) from None


async def form(req: Request, struct: type[T]) -> Form[T]:
    """Return the submitted form, with its errors.

    It is urlencoded, or multipart where a field of ``struct`` is an ``Upload``; files of fields
    that ``struct`` does not have are ignored. Raises ``Problem`` (400, 408, 413, 415).
    """
    uploads = upload_fields(struct)
    zone = req.site.time_zone
    pairs: list[tuple[str, Any]] = []
    if not uploads:
        _expect(req, re.compile(re.escape(FORM_TYPE)), FORM_TYPE)
        raw = await req.body_bytes()
        pairs, found = await decoded(len(raw), req.visitor, _urlencoded, struct, raw, zone)
    else:
        _expect(req, re.compile(re.escape(MULTIPART)), MULTIPART)
        async for part in req.parts(max_parts=MAX_FIELDS):
            if part.name in uploads and part.filename is not None:
                upload = await store(part, req.site.run_folder, uploads[part.name])
                req.uploads.append(upload)
                if upload.size or upload.name:  # browsers send an empty file for none
                    pairs.append((part.name, upload))
            elif part.filename is None:
                pairs.append((part.name, _without_nul(await part.text())))
        size = sum(len(value) for _, value in pairs if isinstance(value, str))
        found = await decoded(size, req.visitor, _form, struct, pairs, zone)
    req.form_token = next((value for name, value in pairs if name == csrf.FIELD), None)
    return found


def _urlencoded(struct: type[T], raw: bytes, zone: str) -> tuple[list[tuple[str, Any]], Form[T]]:
    pairs: list[tuple[str, Any]] = list(_pairs(raw))
    return pairs, _form(struct, pairs, zone)


def _form(struct: type[T], pairs: Sequence[tuple[str, Any]], zone: str) -> Form[T]:
    return Form.parse(struct, cleaned_pairs(struct, pairs), errors_of, zone=zone)


def query(req: Request, struct: type[T]) -> T:
    """Return the query string as ``struct``; raises ``Invalid``.

    Parameters that ``struct`` does not have are ignored (campaign trackers add theirs), and so is a
    parameter without a value.
    """
    data = _gather(_pairs(req.query_string.encode()), list_names(struct))
    known = {name: value for name, value in data.items() if name in field_names(struct)}
    try:
        return msgspec.convert(known, struct, strict=False)
    except msgspec.ValidationError:
        known = cleaned(struct, known)
    try:
        return msgspec.convert(known, struct, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(struct, known, str(error), where="query") from None


@cache
def _decoder(struct: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(struct)


def _expect(req: Request, pattern: re.Pattern[str], expected: str) -> None:
    sent = (req.content_type or "").partition(";")[0].strip().lower()
    if not pattern.fullmatch(sent):
        raise UnsupportedMediaType(Text("Send it as {expected}.", expected=expected))


def _plain(raw: bytes) -> Any:
    """Return the body without types. It was valid JSON enough to fail on its types only."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from None


def _malformed(error: Exception) -> Problem:
    detail = "" if isinstance(error, RecursionError) else str(error)
    return BadRequest(detail or None, code="malformed_json")


def _invalid(
    struct: type[msgspec.Struct], data: Any, first: str, *, where: str = "body"
) -> Invalid:
    """Return every error of ``data``; msgspec's ``first`` one where that is all that is known.

    So it is where a rule in code rejected it, or it has more than ``MOST_VALUES``.
    """
    is_large = _has_more_values(data, MOST_VALUES)
    found = {} if is_large else errors_of(struct, data, strict=where == "body")
    listed = [FieldError(path, text, where) for path, texts in found.items() for text in texts]
    message, _, place = first.partition(" - at `$")
    path = place.rstrip("`").removeprefix(".") if is_large else ""
    return Invalid(listed or [FieldError(path, message, where)])


def _has_more_values(data: Any, most: int) -> bool:
    """Return whether ``data``, and what it holds, are more than ``most`` values."""
    waiting, count = [data], 0
    while waiting and count <= most:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count > most


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise BadRequest(Text("The form or query is malformed.")) from None
    for name, value in pairs:
        _without_nul(name)
        _without_nul(value)
    return pairs


def _without_nul(text: str) -> str:
    if _NUL in text:
        raise BadRequest(Text("Text must not contain the character U+0000."))
    return text


def _gather(pairs: Sequence[tuple[str, str]], lists: frozenset[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, value in pairs:
        if not value:
            continue
        if name in lists:
            data.setdefault(name, []).append(value)
        else:
            data[name] = value
    return data


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return _NUL in value
    if isinstance(value, dict):
        return any(_holds_nul(each) for pair in value.items() for each in pair)
    return isinstance(value, list) and any(map(_holds_nul, value))
