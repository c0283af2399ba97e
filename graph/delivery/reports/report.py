"""The content of a report of a build server, in the terms of delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from db.delivery.builds import BuildStatus
from db.delivery.security import VulnerabilitySeverity
from db.delivery.testing import FeatureTestOutcome

MAX_RESULTS = 10_000
"""The most results of one report."""
MAX_FINDINGS = 5_000
"""The most findings of the scans of one report."""
MAX_NAME = 500
"""The most characters of the name of a test, as in the table."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


class _Sent(BaseModel):
    """Values that a build server sends, by the names of the API."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class BuildFields(_Sent):
    """The fields of the form of a report, all but its files."""

    project_id: UUID
    build_number: Annotated[int, Field(gt=0, lt=2**31)]
    version_tag: Word
    git_commit_hash: Word
    git_branch: Word
    status: Literal["SUCCESS", "FAILED", "CANCELLED"] = "SUCCESS"
    started_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    committed_at: AwareDatetime | None = None
    code_coverage_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    execution_environment: Annotated[str, StringConstraints(max_length=100)] | None = None
    feature: Word | None = None
    unknown_tests: Literal["REPORT", "CREATE"] = "REPORT"

    @property
    def build_status(self) -> BuildStatus:
        """Return the status of the build."""
        return BuildStatus[self.status]


class SentResult(_Sent):
    """A result in a file in JSON."""

    test: Word
    status: Literal["PASSED", "FAILED", "SKIPPED", "ERROR"]
    name: Word | None = None
    feature: Word | None = None
    duration_ms: Count | None = None
    error_message: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    error_stacktrace: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    assertions_run: Count | None = None
    assertions_passed: Count | None = None
    assertions_failed: Count | None = None
    executed_at: AwareDatetime | None = None


@dataclass(frozen=True)
class Result:
    """One run of a test: the names that it may have, surest first, and its outcome."""

    names: tuple[str, ...]
    title: str
    status: FeatureTestOutcome
    features: tuple[str, ...] = ()
    """External IDs of features that it may belong to."""
    duration_ms: int | None = None
    error_message: str | None = None
    error_stacktrace: str | None = None
    assertions_run: int | None = None
    assertions_passed: int | None = None
    assertions_failed: int | None = None
    executed_at: datetime | None = None

    @property
    def external_id(self) -> str:
        """Return the identifier of a test that is created of it."""
        return self.names[0]


@dataclass(frozen=True)
class Finding:
    """A vulnerability that a scan has found."""

    title: str
    severity: VulnerabilitySeverity
    component: str | None
    cve_id: str | None = None
    external_id: str | None = None
    """The identifier by which further scans recognize it, if not by its CVE and component."""
    description: str | None = None
    cvss_score: float | None = None
    affected_version: str | None = None
    fixed_version: str | None = None
    remediation_url: str | None = None

    @property
    def key(self) -> tuple[str | None, str | None]:
        """Return what tells findings apart."""
        return (self.component, self.cve_id) if self.cve_id else (None, self.external_id)


@dataclass(frozen=True)
class Report:
    """A report, as it was read. `findings` are None if it has no scan."""

    build: BuildFields
    digest: bytes
    """The SHA-256 of its fields and files, by which a repeated report is recognized."""
    results: Sequence[Result]
    findings: Sequence[Finding] | None
    notes: Sequence[str]
    """Sentences about what of the files was not taken over."""
