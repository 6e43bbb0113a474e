"""SunSpec inverters over Modbus TCP: our own wire, `pysunspec2`'s models, the role's methods."""
