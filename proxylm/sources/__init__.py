"""Sources of the catalogue: what a hub or a feed offers, and the policy that judges it.

Pure: these modules ask addresses and return facts. They write nothing and know no warehouse.
"""
