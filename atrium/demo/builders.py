"""What the demo consists of: its companies, and how the rows of each kind of data are made.

A new kind of data is one function that yields rows, and one line in `BUILDERS`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from atrium.demo.vocabulary import (
    LABEL_NAMES,
    PROJECT_KINDS,
    SENTENCES,
    SUBJECTS,
    TASK_OBJECTS,
    TASK_VERBS,
    person_name,
    pick_pair,
)
from models import (
    Comment,
    Invitation,
    Label,
    LabelColor,
    Membership,
    Model,
    Project,
    Role,
    Task,
    TaskPriority,
    TaskStatus,
    User,
)
from models.base import new_id, now
from services.invitations import INVITATION_TOKEN_KIND
from services.orders.numbers import FIRST_NUMBER
from services.security import OpaqueToken

__all__ = ["BUILDERS", "COMPANIES", "OWNER_EMAIL", "Company", "CompanyContext", "Person", "RowBuilder", "RowValues"]

OWNER_EMAIL = "owner@acme.example.com"

RowValues = tuple[type[Model], dict[str, Any]]
"""A row to insert: the table's model and the columns."""


@dataclass(frozen=True, slots=True)
class Company:
    """A tenant of the demo."""

    slug: str
    logins: tuple[tuple[Role, str], ...] = ((Role.OWNER, "Gloria Banks"),)
    """Who is there besides those made by the dozen: `role@slug.example.com`."""
    guest: str = OWNER_EMAIL
    """Somebody from elsewhere, to whom an invitation is open."""
    share: float = 1.0
    """How large it is, as a share of `acme`."""

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self.slug.title()

    @property
    def domain(self) -> str:
        """Return what follows the @ in its addresses; reserved for examples (RFC 2606), so nobody's real ones."""
        return f"{self.slug}.example.com"

    @property
    def login_emails(self) -> list[str]:
        """Return the addresses of `logins`."""
        return [f"{role.lower()}@{self.domain}" for role, _ in self.logins]

    def person(self, number: int) -> tuple[Role, str, str]:
        """Return the role, name and address of its person of this number; first come the logins."""
        if number < len(self.logins):
            return *self.logins[number], self.login_emails[number]
        name, address = person_name(number)
        return Role.ADMIN if _is_nth(25, number, at=5) else Role.MEMBER, name, f"{address}@{self.domain}"


COMPANIES = (
    Company(
        "acme",
        logins=((Role.OWNER, "Olivia Hart"), (Role.ADMIN, "Adam Lindqvist"), (Role.MEMBER, "Mira Costa")),
        guest="owner@globex.example.com",
    ),
    Company("globex", guest="member@acme.example.com", share=0.5),
)


class Person(NamedTuple):
    """One of a company's people."""

    user_id: UUID
    is_former: bool


@dataclass(slots=True)
class CompanyContext:
    """A company while it is filled."""

    company: Company
    tenant_id: UUID
    password_hash: str
    random: Random = field(default_factory=Random)
    now: datetime = field(default_factory=now)
    existing_emails: set[str] = field(default_factory=set)
    """Addresses that have an account."""
    people: list[Person] = field(default_factory=list)
    """The demo's, logins first, the owner before all; nobody until they have been loaded."""
    projects: list[dict[str, Any]] = field(default_factory=list)
    """Those of this run that are not in the trash."""
    products: list[dict[str, Any]] = field(default_factory=list)
    """Those of this run, and those that were there before."""
    task_ids: list[UUID] = field(default_factory=list)
    """Of the tasks of this run."""
    labels: list[UUID] = field(default_factory=list)
    """Those of this run, and those that were there before."""
    last_order_number: int = FIRST_NUMBER - 1

    def random_past(self, least: float, most: float) -> datetime:
        """Return some moment between so many days ago."""
        return self.now - timedelta(days=self.random.uniform(least, most))

    def chance(self, probability: float) -> bool:
        """Draw whether something is so."""
        return self.random.random() < probability


@dataclass(frozen=True, slots=True)
class RowBuilder:
    """One kind of data: how its rows are made, and how many there are to be in `acme`."""

    model: type[Model]
    build_rows: Callable[[CompanyContext, range], Iterator[RowValues]]
    """Yields what makes the count go from the start of a range to its end; what is pointed at comes first."""
    minimum: int
    at_full_scale: int
    """At scale 1."""
    count_condition: str = "true"
    """The condition for a row to count."""

    @property
    def table(self) -> str:
        """Return the table's name."""
        return str(self.model.__tablename__)

    def target_count(self, company: Company, scale: float) -> int:
        """Return how many there are to be in a company at this scale."""
        return max(1, round(company.share * max(self.minimum, self.at_full_scale * scale)))


def _build_people(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """People, and now and then somebody who has left, and is not counted."""
    live = 0
    for number in count():
        if live == len(numbers):
            return
        role, name, email = context.company.person(number)
        if email in context.existing_emails:
            continue
        joined, left = context.random_past(400, 700), context.random_past(30, 60) if _is_nth(20, number, at=7) else None
        seen = None if _is_nth(5, number, at=4) else context.random_past(60, 90) if left else context.random_past(0, 30)
        live += left is None
        times = {"created_at": joined, "updated_at": seen or joined, "version": 2 if seen else 1}
        user = {"id": new_id(), "email": email, "full_name": name, "password_hash": context.password_hash}
        yield User, {**user, "last_login": seen, **times}
        member = {"tenant_id": context.tenant_id, "id": new_id(), "user_id": user["id"], "role": role}
        times |= {"updated_at": left, "version": 2} if left else {"updated_at": joined, "version": 1}
        active = not _is_nth(20, number, at=11)
        yield Membership, {**member, "full_name": "", "email": "", "is_active": active, "ended_at": left, **times}


def _build_projects(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Projects, some archived, some in the trash together with their tasks."""
    for number in numbers:
        created, deleted = (
            context.random_past(100, 400),
            context.random_past(2, 20) if _is_nth(25, number, at=3) else None,
        )
        archived = context.random_past(1, 20) if _is_nth(6, number, at=1) and not deleted else None
        subject, effort, turn = pick_pair(number, SUBJECTS, PROJECT_KINDS)
        changed = deleted or archived
        project = {
            "tenant_id": context.tenant_id,
            "id": new_id(),
            "name": f"{subject} {effort}" + (f", phase {turn + 1}" if turn else ""),
            "archived_at": archived,
            "deleted_at": deleted,
            "deleted_by": context.people[0].user_id if deleted else None,
            "created_at": created,
            "updated_at": changed or created,
            "version": 2 if changed else 1,
        }
        yield Project, project
        if deleted:
            yield from ((Task, _build_task(context, task, project)) for task in range(5))
        else:
            context.projects.append(project)


def _build_labels(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Labels, each in its color."""
    colors = list(LabelColor)
    for number in numbers:
        created = context.random_past(200, 600)
        label_id = new_id()
        label = {"tenant_id": context.tenant_id, "id": label_id, "name": LABEL_NAMES[number]}
        context.labels.append(label_id)
        times = {"created_at": created, "updated_at": created}
        yield Label, {**label, "color": colors[number % len(colors)], **times}


def _build_tasks(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Tasks, with and without project, in every status."""
    for number in numbers:
        with_project = context.projects and context.chance(0.85)
        task = _build_task(context, number, context.random.choice(context.projects) if with_project else None)
        context.task_ids.append(task["id"])
        yield Task, task


def _build_task(context: CompanyContext, number: int, project: dict[str, Any] | None) -> dict[str, Any]:
    """Return a task; the older, the more likely done."""
    draw, deleted = context.random, project["deleted_at"] if project else None
    logins = context.people[: len(context.company.logins)]
    a_login = _is_nth(8, number, at=0)
    assignee = logins[number // 8 % len(logins)] if a_login else draw.choice(context.people)
    creator = draw.choice(context.people)
    created = context.random_past(60 if assignee.is_former or creator.is_former else 20 if deleted else 0, 100)
    age = (context.now - created) / timedelta(days=100)
    status = draw.choices(list(TaskStatus), weights=(1.2 - age, 0.8 - 0.6 * age, 0.2 + 2 * age))[0]
    touched = created if status == TaskStatus.TODO else created + draw.random() * (context.now - created)
    due = (created + timedelta(days=draw.randint(5, 60))).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "tenant_id": context.tenant_id,
        "id": new_id(),
        "title": f"{draw.choice(TASK_VERBS)} {draw.choice(TASK_OBJECTS)}",
        "description": " ".join(draw.sample(SENTENCES, draw.randint(1, 3))) if context.chance(0.7) else None,
        "status": status,
        "priority": draw.choices(list(TaskPriority), weights=(5, 2, 3, 2, 1))[0],
        "label_ids": draw.sample(context.labels, draw.choice((0, 0, 1, 1, 2))) if context.labels else [],
        "due_date": due if context.chance(0.7) else None,
        "project_id": project["id"] if project else None,
        "assignee_id": assignee.user_id if a_login or context.chance(0.8) else None,
        "created_by": creator.user_id,
        "deleted_at": deleted,
        "created_at": created,
        "updated_at": deleted or touched,
        "version": 1 + (status != TaskStatus.TODO) + bool(deleted),
    }


def _build_comments(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Comments on tasks of this run, some of which mention somebody."""
    draw = context.random
    for _ in numbers if context.task_ids else ():
        created = context.random_past(0, 20)
        comment = {"tenant_id": context.tenant_id, "id": new_id(), "task_id": draw.choice(context.task_ids)}
        people = [person.user_id for person in draw.sample(context.people, 2)]
        said = {"author_id": people[0], "body": draw.choice(SENTENCES), "mention_ids": people[1 : draw.randint(1, 2)]}
        yield Comment, {**comment, **said, "created_at": created, "updated_at": created}


def _build_invitations(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Open invitations, whose tokens nobody has."""
    for number in numbers:
        token = OpaqueToken.make(INVITATION_TOKEN_KIND, context.tenant_id, new_id())
        invitation = {"tenant_id": context.tenant_id, "id": token.id, "role": Role.MEMBER, "digest": token.digest}
        email = f"{person_name(number)[1]}@newcomers.example.com" if number else context.company.guest
        times = {"created_at": context.random_past(0, 5), "expires_at": context.now + timedelta(days=90)}
        yield Invitation, {**invitation, "email": email, "invited_by": context.people[0].user_id, **times}


def _is_nth(several: int, number: int, *, at: int) -> bool:
    """Return whether this is the one of so many that something is the case for."""
    return number % several == at


BUILDERS = (
    RowBuilder(Membership, _build_people, minimum=20, at_full_scale=2_000, count_condition="NOT is_former"),
    RowBuilder(Label, _build_labels, minimum=8, at_full_scale=8),
    RowBuilder(Project, _build_projects, minimum=8, at_full_scale=300),
    RowBuilder(Task, _build_tasks, minimum=120, at_full_scale=5_000, count_condition="deleted_at IS NULL"),
    RowBuilder(Comment, _build_comments, minimum=60, at_full_scale=2_500),
    RowBuilder(Invitation, _build_invitations, minimum=2, at_full_scale=20),
)
"""What there is, people first."""
