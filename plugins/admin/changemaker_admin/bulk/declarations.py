"""What bulk actions contribute to the site."""

from __future__ import annotations

from typing import Final

from changemaker_admin.bulk.jobs import JOBS
from changemaker_admin.bulk.models import BulkRow, BulkRun
from changemaker_admin.bulk.progress import ROUTES

CONTRIBUTIONS: Final = (BulkRun, BulkRow, *ROUTES, *JOBS)
