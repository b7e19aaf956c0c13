"""Orders: what was bought. These tables are a projection; what is true is in the events."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Text, UniqueConstraint
from sqlmodel import Field

from models.base import Model, TenantOwned, enum_check, indexes, rank_of, timestamp
from models.money import Currency, money_checks

__all__ = ["ArchivedSale", "Order", "OrderItem", "OrderNumber", "OrderStatus"]


class OrderStatus(StrEnum):
    """Statuses of an order, from placement to delivery or cancellation."""

    PENDING = "PENDING"
    """The order is placed and waits for confirmation; it can be cancelled."""
    CONFIRMED = "CONFIRMED"
    """The order is confirmed and waits for shipping; it can be cancelled."""
    SHIPPED = "SHIPPED"
    """The order is on its way; it can no longer be cancelled."""
    DELIVERED = "DELIVERED"
    """The order has arrived; this status is final."""
    CANCELLED = "CANCELLED"
    """The order is cancelled and its stock returned; this status is final."""


class Order(TenantOwned, table=True):
    """One purchase, as its events left it. `version` is that of its newest event."""

    __tablename__ = "orders"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    user_id: UUID  # the account of the member who bought
    status: str = Field(sa_type=Text)
    status_rank: int = rank_of("status", OrderStatus)
    total_minor: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    shipping_address: str = Field(sa_type=Text)
    created_at: datetime = timestamp(nullable=False)
    updated_at: datetime = timestamp(nullable=False)
    version: int
    number: int

    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        ForeignKeyConstraint(["tenant_id", "user_id"], ["memberships.tenant_id", "memberships.user_id"]),
        *indexes("orders", "created_at", "updated_at", "total_minor", "status, created_at", "user_id, created_at"),
        *indexes("orders", "number", "currency, total_minor", "status_rank"),
        enum_check("status", OrderStatus),
        *money_checks("total_minor", digits=12),
    )


class OrderNumber(Model, table=True):
    """The number that a tenant's newest order has."""

    __tablename__ = "order_numbers"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    last: int


class OrderItem(TenantOwned, table=True):
    """One line of an order, at the price of its day."""

    __tablename__ = "order_items"

    order_id: UUID
    product_id: UUID
    line: int  # its place in the order, from 1
    quantity: int
    unit_price_minor: int = Field(sa_type=BigInteger)
    subtotal_minor: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tenant_id", "product_id"], ["products.tenant_id", "products.id"]),
        CheckConstraint("quantity >= 1", name="quantity"),
        enum_check("currency", Currency),
        *indexes("order_items", "order_id, line", "product_id"),
    )


class ArchivedSale(TenantOwned, table=True):
    """One line of a delivered order that was deleted: what sales figures still count. Its id is that of the item."""

    __tablename__ = "archived_sales"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    order_id: UUID  # of which there is no row any more
    product_id: UUID
    quantity: int
    subtotal_minor: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "product_id"], ["products.tenant_id", "products.id"]),
        CheckConstraint("quantity >= 1", name="quantity"),
        enum_check("currency", Currency),
        *indexes("archived_sales", "order_id", "product_id"),
    )
