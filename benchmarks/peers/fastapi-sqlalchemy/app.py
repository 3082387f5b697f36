"""FastAPI and SQLAlchemy's asyncio extension, on SQLite (aiosqlite) or PostgreSQL (asyncpg)."""

from __future__ import annotations

import os
import re
import unicodedata
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import JSON, ColumnElement, Text, and_, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

URL = os.environ.get("DATABASE_URL")
if URL:
    engine = create_async_engine(URL.replace("postgresql://", "postgresql+asyncpg://"))
else:
    engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['DATABASE_PATH']}")
Session = async_sessionmaker(engine, expire_on_commit=False)

LEVELS: TypeEngine[Any] = JSONB() if URL else JSON()
TIME: TypeEngine[Any] = (
    TIMESTAMP(timezone=True)
    if URL
    else DATETIME(
        storage_format="%(year)04d-%(month)02d-%(day)02dT%(hour)02d:%(minute)02d:%(second)02d"
        ".%(microsecond)06dZ",
        regexp=r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)",
    )
)


class Base(DeclarativeBase):
    pass


class Campaign(Base):
    __tablename__ = "campaign"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    email_subject: Mapped[str] = mapped_column(Text)
    email_body: Mapped[str] = mapped_column(Text)
    call_to_action: Mapped[str] = mapped_column(Text)
    cover_photo: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    target_government_levels: Mapped[list[str]] = mapped_column(LEVELS)
    allow_smtp_email: Mapped[bool]
    allow_mailto_link: Mapped[bool]
    allow_email_editing: Mapped[bool]
    allow_custom_recipients: Mapped[bool]
    show_email_count: Mapped[bool]
    email_count: Mapped[int] = mapped_column(default=0)
    starts_at: Mapped[datetime | None] = mapped_column(TIME)
    ends_at: Mapped[datetime | None] = mapped_column(TIME)
    published_at: Mapped[datetime | None] = mapped_column(TIME)
    created_by: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIME)
    updated_at: Mapped[datetime] = mapped_column(TIME)


Level = Literal["FEDERAL", "PROVINCIAL", "MUNICIPAL", "SCHOOL_BOARD"]
Line = Annotated[str, Field(max_length=200, min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")]
#: SQLite's have no time zone.
Time = Annotated[datetime, AfterValidator(lambda time: time.replace(tzinfo=UTC))]
LongLine = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewCampaign(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Line
    email_subject: Line
    email_body: Annotated[str, Field(min_length=1, max_length=20_000)]
    target_government_levels: Annotated[list[Level], Field(max_length=4)]
    description: Annotated[str, Field(max_length=20_000)] = ""
    call_to_action: LongLine = ""
    cover_photo: LongLine = ""
    language: Literal["en", "fr"] = "en"
    allow_smtp_email: bool = True
    allow_mailto_link: bool = True
    allow_email_editing: bool = False
    allow_custom_recipients: bool = False
    show_email_count: bool = True
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class PublicCampaign(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    slug: str
    title: str
    description: str
    email_subject: str
    email_body: str
    call_to_action: str
    cover_photo: str
    language: str
    target_government_levels: list[str]
    allow_smtp_email: bool
    allow_mailto_link: bool
    allow_email_editing: bool
    show_email_count: bool
    email_count: int | None
    is_open: bool = False
    starts_at: datetime | None
    ends_at: datetime | None
    custom_recipients: list[dict[str, str]] = []


class Card(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    slug: str
    title: str
    description: str
    email_subject: str
    cover_photo: str
    language: str
    published_at: Time
    email_count: int | None


class MadeCampaign(NewCampaign):
    model_config = ConfigDict(from_attributes=True)

    id: str
    slug: str
    status: str
    published_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime


class Pagination(BaseModel):
    total: int
    limit: int
    offset: int
    has_more: bool
    next_cursor: str | None = None
    total_at_least: int | None = None


class Listing(BaseModel):
    data: list[Card]
    pagination: Pagination


app = FastAPI()


async def session() -> AsyncIterator[AsyncSession]:
    async with Session() as opened:
        yield opened


Db = Annotated[AsyncSession, Depends(session)]


@app.get("/api/public/campaigns/{slug}")
async def read_campaign(slug: str, db: Db) -> PublicCampaign:
    wanted = select(Campaign).where(Campaign.slug == slug, Campaign.status != "DRAFT")
    campaign = (await db.execute(wanted)).scalar_one_or_none()
    if campaign is None:
        raise HTTPException(404)
    shown = PublicCampaign.model_validate(campaign)
    shown.is_open = is_open(campaign)
    shown.email_count = campaign.email_count if campaign.show_email_count else None
    return shown


@app.get("/api/public/campaigns")
async def list_campaigns(
    db: Db,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Listing:
    where = open_now()
    wanted = select(Campaign).where(where)
    newest = wanted.order_by(Campaign.published_at.desc(), Campaign.id.desc())
    rows = (await db.execute(newest.limit(limit + 1).offset(offset))).scalars().all()
    total = (await db.execute(select(func.count()).select_from(Campaign).where(where))).scalar_one()
    cards = [Card.model_validate(row) for row in rows[:limit]]
    pagination = Pagination(total=total, limit=limit, offset=offset, has_more=len(rows) > limit)
    return Listing(data=cards, pagination=pagination)


@app.post("/api/campaigns", status_code=201)
async def make_campaign(new: NewCampaign, db: Db) -> MadeCampaign:
    now = datetime.now(UTC)
    own = {"id": str(uuid.uuid4()), "slug": slugify(new.title), "status": "DRAFT"}
    made = Campaign(**new.model_dump(), **own, email_count=0, created_at=now, updated_at=now)
    db.add(made)
    await db.commit()
    return MadeCampaign.model_validate(made)


def is_open(campaign: Campaign) -> bool:
    now = datetime.now(UTC)
    begun = campaign.starts_at is None or campaign.starts_at <= now
    return (
        campaign.status == "ACTIVE" and begun and not (campaign.ends_at and campaign.ends_at <= now)
    )


def open_now() -> ColumnElement[bool]:
    now = datetime.now(UTC)
    return and_(
        Campaign.status == "ACTIVE",
        or_(Campaign.starts_at.is_(None), Campaign.starts_at <= now),
        or_(Campaign.ends_at.is_(None), Campaign.ends_at > now),
    )


def slugify(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80]
