"""Products: what a tenant sells."""

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Text, UniqueConstraint, text
from sqlmodel import Field

from models.base import TenantOwned, Versioned, indexes, sort_key, trigram_index
from models.money import money_checks

__all__ = ["Product"]


class Product(TenantOwned, Versioned, table=True):
    """One product, its price and how much of it is there."""

    __tablename__ = "products"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    sku: str = Field(sa_type=Text)
    sku_key: str = sort_key("sku")
    name: str = Field(sa_type=Text)
    name_key: str = sort_key("name")
    description: str | None = Field(default=None, sa_type=Text)
    price_minor: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    stock_quantity: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    is_active: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})

    __table_args__ = (
        UniqueConstraint("tenant_id", "sku_key"),
        CheckConstraint("stock_quantity >= 0", name="stock_quantity"),
        *money_checks("price_minor"),
        *indexes(
            "products",
            "created_at",
            "updated_at",
            "name_key",
            "price_minor",
            "currency, price_minor",
            "stock_quantity",
            "is_active, name_key",
        ),
        trigram_index("products", "name_key"),
    )
