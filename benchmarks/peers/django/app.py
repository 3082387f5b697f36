"""Django's ORM behind gunicorn, on SQLite or PostgreSQL: one file, connections kept open."""

from __future__ import annotations

import json
import os
import re
import unicodedata
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

URL = os.environ.get("DATABASE_URL")


def _database() -> dict[str, Any]:
    if not URL:
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        own = {"NAME": os.environ["DATABASE_PATH"], "OPTIONS": {"init_command": pragmas}}
        return {"ENGINE": "django.db.backends.sqlite3", "CONN_MAX_AGE": None, **own}
    parts = urlsplit(URL)
    where = {"HOST": parts.hostname, "PORT": parts.port, "USER": parts.username}
    engine = "django.db.backends.postgresql"
    return {"ENGINE": engine, "NAME": parts.path[1:], "CONN_MAX_AGE": None, **where}


settings.configure(
    SECRET_KEY="for benchmarks only",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": _database()},
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    USE_TZ=True,
)
django.setup()

from django.core.exceptions import ValidationError  # noqa: E402
from django.core.validators import RegexValidator  # noqa: E402
from django.db import models  # noqa: E402
from django.db.models import Q  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

LEVELS = ("FEDERAL", "PROVINCIAL", "MUNICIPAL", "SCHOOL_BOARD")
CARD = (
    "id", "slug", "title", "description", "email_subject", "cover_photo", "language",
    "published_at", "email_count",
)  # fmt: skip
ONE_LINE = RegexValidator(r"^[^\x00-\x1f\x7f]*\Z")


def _levels(value: Any) -> None:
    if not isinstance(value, list) or len(value) > 4 or any(each not in LEVELS for each in value):
        raise ValidationError("unknown level")


class Campaign(models.Model):
    id = models.TextField(primary_key=True)
    slug = models.CharField(max_length=80)
    title = models.CharField(max_length=200, validators=[ONE_LINE])
    description = models.TextField(blank=True)
    email_subject = models.CharField(max_length=200, validators=[ONE_LINE])
    email_body = models.TextField()
    call_to_action = models.CharField(max_length=500, blank=True, validators=[ONE_LINE])
    cover_photo = models.CharField(max_length=500, blank=True, validators=[ONE_LINE])
    language = models.TextField(default="en", choices=[("en", "English"), ("fr", "French")])
    status = models.TextField(default="DRAFT")
    target_government_levels = models.JSONField(validators=[_levels], blank=True)
    allow_smtp_email = models.BooleanField(default=True)
    allow_mailto_link = models.BooleanField(default=True)
    allow_email_editing = models.BooleanField(default=False)
    allow_custom_recipients = models.BooleanField(default=False)
    show_email_count = models.BooleanField(default=True)
    email_count = models.BigIntegerField(default=0)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created_by = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        app_label = "peer"
        managed = False
        db_table = "campaign"


def one(request: HttpRequest, slug: str) -> JsonResponse:
    campaign = Campaign.objects.filter(slug=slug).exclude(status="DRAFT").first()
    if campaign is None:
        return JsonResponse({"code": "not_found"}, status=404)
    return JsonResponse(_public(campaign))


def many(request: HttpRequest) -> JsonResponse:
    limit = min(max(int(request.GET.get("limit", 50)), 1), 100)
    offset = max(int(request.GET.get("offset", 0)), 0)
    now = datetime.now(UTC)
    begun = Q(starts_at__isnull=True) | Q(starts_at__lte=now)
    not_over = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    wanted = Campaign.objects.filter(begun, not_over, status="ACTIVE")
    newest = wanted.order_by("-published_at", "-id")[offset : offset + limit + 1]
    rows = list(newest.values("show_email_count", *CARD))
    for row in rows:
        if not row.pop("show_email_count"):
            row["email_count"] = None
    pagination = {
        "total": wanted.count(), "limit": limit, "offset": offset, "has_more": len(rows) > limit,
        "next_cursor": None, "total_at_least": None,
    }  # fmt: skip
    return JsonResponse({"data": rows[:limit], "pagination": pagination})


def make(request: HttpRequest) -> JsonResponse:
    now = datetime.now(UTC)
    try:
        body = json.loads(request.body)
        own = {"id": str(uuid.uuid4()), "slug": _slugify(body["title"])}
        made = Campaign(**body, **own, created_at=now, updated_at=now)
        made.clean_fields()
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        return JsonResponse({"error": str(error)}, status=422)
    made.save(force_insert=True)
    names = [field.name for field in Campaign._meta.fields if field.name != "email_count"]
    return JsonResponse({name: getattr(made, name) for name in names}, status=201)


def _public(row: Campaign) -> dict[str, Any]:
    now = datetime.now(UTC)
    begun = row.starts_at is None or row.starts_at <= now
    names = (
        "id", "slug", "title", "description", "email_subject", "email_body", "call_to_action",
        "cover_photo", "language", "target_government_levels", "allow_smtp_email",
        "allow_mailto_link", "allow_email_editing", "show_email_count", "starts_at", "ends_at",
    )  # fmt: skip
    shown = {name: getattr(row, name) for name in names}
    shown["email_count"] = row.email_count if row.show_email_count else None
    shown["is_open"] = row.status == "ACTIVE" and begun and not (row.ends_at and row.ends_at <= now)
    return {**shown, "custom_recipients": []}


def _slugify(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80]


urlpatterns = [
    path("api/public/campaigns/<slug>", one),
    path("api/public/campaigns", many),
    path("api/campaigns", make),
]
application = get_wsgi_application()
