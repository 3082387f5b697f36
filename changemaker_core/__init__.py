"""Changemaker: a small core, plus plugins. These are the names that plugin authors import.

Everything else is private, except for ``changemaker_core.mail``, ``changemaker_core.outgoing``,
``changemaker_core.testing``, ``changemaker_core.cli`` (its ``__all__``) and the ``api`` modules of
core's features. A name is imported when it is first used, so that importing a plugin stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from changemaker_core.app import create_app as create_app
    from changemaker_core.config import Config as Config
    from changemaker_core.config import ConfigError as ConfigError
    from changemaker_core.config import Secret as Secret
    from changemaker_core.config.characters import is_blank as is_blank
    from changemaker_core.config.characters import without_invisible as without_invisible
    from changemaker_core.db import Bound as Bound
    from changemaker_core.db import Compiled as Compiled
    from changemaker_core.db import Database as Database
    from changemaker_core.db import DatabaseUnavailable as DatabaseUnavailable
    from changemaker_core.db import DistinctWindow as DistinctWindow
    from changemaker_core.db import InvalidId as InvalidId
    from changemaker_core.db import JSONField as JSONField
    from changemaker_core.db import KeysetQuery as KeysetQuery
    from changemaker_core.db import LimitReached as LimitReached
    from changemaker_core.db import Model as Model
    from changemaker_core.db import Pace as Pace
    from changemaker_core.db import Query as Query
    from changemaker_core.db import QueryRefused as QueryRefused
    from changemaker_core.db import RowNotFound as RowNotFound
    from changemaker_core.db import SlidingWindow as SlidingWindow
    from changemaker_core.db import Tx as Tx
    from changemaker_core.db import UtcField as UtcField
    from changemaker_core.db import UUIDField as UUIDField
    from changemaker_core.db import compiled as compiled
    from changemaker_core.db import dialect as dialect
    from changemaker_core.db import new_id as new_id
    from changemaker_core.db import search as search
    from changemaker_core.db import utcnow as utcnow
    from changemaker_core.diagnostics import Check as Check
    from changemaker_core.diagnostics import Finding as Finding
    from changemaker_core.features.mailtemplates.declarations import MailTemplate as MailTemplate
    from changemaker_core.features.mailtemplates.variables import MailVariable as MailVariable
    from changemaker_core.features.operations.declarations import HealthCheck as HealthCheck
    from changemaker_core.features.privacy.declarations import ERASED as ERASED
    from changemaker_core.features.privacy.declarations import GivenConsent as GivenConsent
    from changemaker_core.features.privacy.declarations import Person as Person
    from changemaker_core.features.privacy.declarations import PersonalData as PersonalData
    from changemaker_core.features.privacy.declarations import PersonalEntry as PersonalEntry
    from changemaker_core.features.privacy.declarations import Retention as Retention
    from changemaker_core.features.privacy.declarations import delete_rows as delete_rows
    from changemaker_core.features.privacy.declarations import export_rows as export_rows
    from changemaker_core.features.webhooks.declarations import WebhookEvent as WebhookEvent
    from changemaker_core.http.bodies.multipart import Part as Part
    from changemaker_core.http.bodies.uploads import Upload as Upload
    from changemaker_core.http.declarations import Authenticator as Authenticator
    from changemaker_core.http.declarations import Route as Route
    from changemaker_core.http.declarations import SignInConfirmation as SignInConfirmation
    from changemaker_core.http.endpoint import Body as Body
    from changemaker_core.http.endpoint import declared_endpoint as declared_endpoint
    from changemaker_core.http.endpoint import endpoint as endpoint
    from changemaker_core.http.endpoint.recent_sign_in import (
        check_recent_sign_in as check_recent_sign_in,
    )
    from changemaker_core.http.endpoint.recent_sign_in import (
        recent_sign_in_page as recent_sign_in_page,
    )
    from changemaker_core.http.errors import BadRequest as BadRequest
    from changemaker_core.http.errors import ClientGone as ClientGone
    from changemaker_core.http.errors import Conflict as Conflict
    from changemaker_core.http.errors import EditConflict as EditConflict
    from changemaker_core.http.errors import FieldError as FieldError
    from changemaker_core.http.errors import Forbidden as Forbidden
    from changemaker_core.http.errors import Invalid as Invalid
    from changemaker_core.http.errors import NotFound as NotFound
    from changemaker_core.http.errors import Problem as Problem
    from changemaker_core.http.errors import TooManyRequests as TooManyRequests
    from changemaker_core.http.errors import Unauthorized as Unauthorized
    from changemaker_core.http.errors import Unavailable as Unavailable
    from changemaker_core.http.lists import CursorQuery as CursorQuery
    from changemaker_core.http.lists import Cursors as Cursors
    from changemaker_core.http.lists import ListQuery as ListQuery
    from changemaker_core.http.lists import Paginated as Paginated
    from changemaker_core.http.lists import Pagination as Pagination
    from changemaker_core.http.lists import paginate as paginate
    from changemaker_core.http.request import Request as Request
    from changemaker_core.http.request import Response as Response
    from changemaker_core.http.routing import RouteInfo as RouteInfo
    from changemaker_core.http.sessions import SignIn as SignIn
    from changemaker_core.http.sessions import flash as flash
    from changemaker_core.http.streams.csv_tables import csv_stream as csv_stream
    from changemaker_core.http.streams.events import Event as Event
    from changemaker_core.http.streams.events import EventStream as EventStream
    from changemaker_core.http.streams.excel_tables import xlsx_stream as xlsx_stream
    from changemaker_core.http.streams.files import SendFile as SendFile
    from changemaker_core.http.streams.streamed import Streamed as Streamed
    from changemaker_core.http.validation import Email as Email
    from changemaker_core.http.validation import MultiLine as MultiLine
    from changemaker_core.http.validation import Password as Password
    from changemaker_core.http.validation import PersonName as PersonName
    from changemaker_core.http.validation import SingleLine as SingleLine
    from changemaker_core.identity import SYSTEM as SYSTEM
    from changemaker_core.identity import Actor as Actor
    from changemaker_core.identity import Permission as Permission
    from changemaker_core.identity import Role as Role
    from changemaker_core.identity import Scope as Scope
    from changemaker_core.jobs import ChildFailed as ChildFailed
    from changemaker_core.jobs import Cron as Cron
    from changemaker_core.jobs import Interval as Interval
    from changemaker_core.jobs import Job as Job
    from changemaker_core.jobs import JobFailed as JobFailed
    from changemaker_core.jobs import JobRun as JobRun
    from changemaker_core.jobs import JobStopped as JobStopped
    from changemaker_core.jobs import LeaseLost as LeaseLost
    from changemaker_core.jobs import RetryPolicy as RetryPolicy
    from changemaker_core.jobs import Subscription as Subscription
    from changemaker_core.limits.windows import visitor_key as visitor_key
    from changemaker_core.metrics import Metric as Metric
    from changemaker_core.metrics import Sample as Sample
    from changemaker_core.plugin.base import Plugin as Plugin
    from changemaker_core.plugin.base import hookimpl as hookimpl
    from changemaker_core.plugin.base import hookspec as hookspec
    from changemaker_core.plugin.contributions import Claim as Claim
    from changemaker_core.plugin.contributions import Contribution as Contribution
    from changemaker_core.plugin.contributions import Kind as Kind
    from changemaker_core.plugin.contributions import named as named
    from changemaker_core.plugin.loaded import PluginInfo as PluginInfo
    from changemaker_core.sealing import BadSeal as BadSeal
    from changemaker_core.sealing import Sealer as Sealer
    from changemaker_core.sealing import SealKeyMissing as SealKeyMissing
    from changemaker_core.settings import SealedValues as SealedValues
    from changemaker_core.settings import Setting as Setting
    from changemaker_core.settings import SettingRejected as SettingRejected
    from changemaker_core.settings import SettingsGroup as SettingsGroup
    from changemaker_core.signing import BadSignature as BadSignature
    from changemaker_core.signing import SignatureExpired as SignatureExpired
    from changemaker_core.signing import Signer as Signer
    from changemaker_core.site import Site as Site
    from changemaker_core.spreadsheets import CsvColumn as CsvColumn
    from changemaker_core.spreadsheets import CsvError as CsvError
    from changemaker_core.spreadsheets import CsvRow as CsvRow
    from changemaker_core.spreadsheets import CsvTable as CsvTable
    from changemaker_core.spreadsheets import read_csv as read_csv
    from changemaker_core.text import Text as Text
    from changemaker_core.text import did_you_mean as did_you_mean
    from changemaker_core.text import slugify as slugify
    from changemaker_core.web import Form as Form
    from changemaker_core.web import PageMetadata as PageMetadata
    from changemaker_core.web import Redirect as Redirect
    from changemaker_core.web import TemplateResponse as TemplateResponse
    from changemaker_core.web.assets.service_workers import ServiceWorker as ServiceWorker
    from changemaker_core.web.declarations import HomePage as HomePage
    from changemaker_core.web.declarations import NavigationEntry as NavigationEntry
    from changemaker_core.web.edits import MergedEdits as MergedEdits
    from changemaker_core.web.edits import begin_edit as begin_edit
    from changemaker_core.web.edits import merge_edits as merge_edits
    from changemaker_core.web.images.declarations import ImageUse as ImageUse
    from changemaker_core.web.images.errors import ImageRejected as ImageRejected
    from changemaker_core.web.images.errors import ImagesUnavailable as ImagesUnavailable
    from changemaker_core.web.qr import qr_svg as qr_svg
    from changemaker_core.web.sitemap import SitemapPage as SitemapPage
    from changemaker_core.web.sitemap import SitemapSection as SitemapSection

#: Where each name is. A test holds it equal to the imports above, which type checkers read.
_ROOMS = {
    "app": "create_app",
    "config": "Config ConfigError Secret",
    "config.characters": "is_blank without_invisible",
    "db": "Bound Compiled Database DatabaseUnavailable DistinctWindow InvalidId JSONField"
    " KeysetQuery LimitReached Model Pace Query QueryRefused RowNotFound SlidingWindow Tx UtcField"
    " UUIDField compiled dialect new_id search utcnow",
    "diagnostics": "Check Finding",
    "features.mailtemplates.declarations": "MailTemplate",
    "features.mailtemplates.variables": "MailVariable",
    "features.operations.declarations": "HealthCheck",
    "features.privacy.declarations": "ERASED GivenConsent PersonalData PersonalEntry"
    " Person Retention delete_rows export_rows",
    "features.webhooks.declarations": "WebhookEvent",
    "http.bodies.multipart": "Part",
    "http.bodies.uploads": "Upload",
    "http.declarations": "Authenticator Route SignInConfirmation",
    "http.endpoint": "Body declared_endpoint endpoint",
    "http.endpoint.recent_sign_in": "check_recent_sign_in recent_sign_in_page",
    "http.errors": "BadRequest ClientGone Conflict EditConflict FieldError Forbidden Invalid"
    " NotFound Problem TooManyRequests Unauthorized Unavailable",
    "http.lists": "CursorQuery Cursors ListQuery Paginated Pagination paginate",
    "http.request": "Request Response",
    "http.routing": "RouteInfo",
    "http.sessions": "SignIn flash",
    "http.streams.events": "Event EventStream",
    "http.streams.files": "SendFile",
    "http.streams.streamed": "Streamed",
    "http.streams.csv_tables": "csv_stream",
    "http.streams.excel_tables": "xlsx_stream",
    "http.validation": "Email MultiLine Password PersonName SingleLine",
    "identity": "SYSTEM Actor Permission Role Scope",
    "jobs": "ChildFailed Cron Interval Job JobFailed JobRun JobStopped LeaseLost RetryPolicy"
    " Subscription",
    "limits.windows": "visitor_key",
    "metrics": "Metric Sample",
    "plugin.base": "Plugin hookimpl hookspec",
    "plugin.contributions": "Claim Contribution Kind named",
    "plugin.loaded": "PluginInfo",
    "sealing": "BadSeal SealKeyMissing Sealer",
    "settings": "SealedValues Setting SettingRejected SettingsGroup",
    "signing": "BadSignature SignatureExpired Signer",
    "site": "Site",
    "spreadsheets": "CsvColumn CsvError CsvRow CsvTable read_csv",
    "text": "Text did_you_mean slugify",
    "web": "Form PageMetadata Redirect TemplateResponse",
    "web.declarations": "HomePage NavigationEntry",
    "web.edits": "MergedEdits begin_edit merge_edits",
    "web.images.declarations": "ImageUse",
    "web.images.errors": "ImageRejected ImagesUnavailable",
    "web.assets.service_workers": "ServiceWorker",
    "web.qr": "qr_svg",
    "web.sitemap": "SitemapPage SitemapSection",
}
_NAMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
