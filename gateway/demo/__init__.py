"""The demo retailer, loaded into an empty database, with a past that the real services made."""

from gateway.demo.loading import CUSTOMER, LOCATION, HoldsOtherData, load_demo

__all__ = ["CUSTOMER", "LOCATION", "HoldsOtherData", "load_demo"]
