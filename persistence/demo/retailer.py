"""The demo's retailer, whole: a seller of fashion and things for the home in five countries.

Everything is read from the small files beside this module and expanded the same way every time.
"""

from dataclasses import dataclass
from datetime import date

from domain.catalog.model import ImportProduct, SaveCategory, SaveChannel
from domain.customers.model import Customer
from domain.inventory.model import InboundSupply, SaveStockLocation
from domain.promising.model import SaveShippingMethod
from persistence.demo import goods, places, stock
from persistence.demo.stock import StockCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Retailer:
    """Commands to give in this order, and what is there when they have been given."""

    channels: tuple[SaveChannel, ...]
    categories: tuple[SaveCategory, ...]
    products: tuple[ImportProduct, ...]
    locations: tuple[SaveStockLocation, ...]
    shipping_methods: tuple[SaveShippingMethod, ...]
    stock: tuple[StockCount, ...]
    supply: tuple[InboundSupply, ...]
    customers: tuple[Customer, ...]


def retailer(today: date, seed: int = 7) -> Retailer:
    """The retailer as of a day.

    today: launches, arrivals and holidays are counted from it; nothing else depends on it but when customers joined.
    seed: moves stock, supply and costs; names, prices and places stay.
    """
    products = goods.products(today, seed)
    counts = stock.stock(products, seed)
    return Retailer(
        channels=goods.channels(),
        categories=goods.categories(),
        products=products,
        locations=places.locations(today),
        shipping_methods=places.shipping_methods(),
        stock=counts,
        supply=stock.supply(products, counts, today, seed),
        customers=places.customers(today, seed),
    )
