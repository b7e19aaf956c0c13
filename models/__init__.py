"""What Atrium remembers: the tables, and the database they live in.

Rows only: no rule lives here. `models.Task` is the row, `services.tasks` its rules, `graph.tasks` its face.
"""

from models.accounts import AccountEvent, EmailToken, EmailTokenKind, LoginSession, SecurityEventType, Throttle, User
from models.api_keys import ApiKey
from models.articles import Article, ArticleLanguage, ArticleLanguageInUse, ArticleStatus, ArticleWord
from models.audit import AuditAction, AuditEntry
from models.base import Model, Row, row_class
from models.comments import Comment
from models.cost_buckets import CostBucket
from models.documents import Document
from models.events import Event, FeedEntry, OutboxEntry
from models.idempotency import IdempotencyKey
from models.labels import Label, LabelColor
from models.liveness import LiveApiKey, LiveSession
from models.money import Currency
from models.orders import ArchivedSale, Order, OrderItem, OrderNumber, OrderStatus
from models.products import Product
from models.projects import Project
from models.superusers import (
    LoggedAct,
    ManagedAccount,
    ManagedAccountEvent,
    ManagedTenant,
    SuperuserAct,
    SuperuserActType,
)
from models.tasks import Task, TaskPriority, TaskStatus
from models.tenants import Invitation, Membership, Role, Tenant
from models.trusted_documents import TrustedDocument

__all__ = [
    "AccountEvent",
    "ApiKey",
    "ArchivedSale",
    "Article",
    "ArticleLanguage",
    "ArticleLanguageInUse",
    "ArticleStatus",
    "ArticleWord",
    "AuditAction",
    "AuditEntry",
    "Comment",
    "CostBucket",
    "Currency",
    "Document",
    "EmailToken",
    "EmailTokenKind",
    "Event",
    "FeedEntry",
    "IdempotencyKey",
    "Invitation",
    "Label",
    "LabelColor",
    "LiveApiKey",
    "LiveSession",
    "LoggedAct",
    "LoginSession",
    "ManagedAccount",
    "ManagedAccountEvent",
    "ManagedTenant",
    "Membership",
    "Model",
    "Order",
    "OrderItem",
    "OrderNumber",
    "OrderStatus",
    "OutboxEntry",
    "Product",
    "Project",
    "Role",
    "Row",
    "SecurityEventType",
    "SuperuserAct",
    "SuperuserActType",
    "Task",
    "TaskPriority",
    "TaskStatus",
    "Tenant",
    "Throttle",
    "TrustedDocument",
    "User",
    "row_class",
]
