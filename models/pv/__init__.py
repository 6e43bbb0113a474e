"""Photovoltaics: light on a plane, cells, inverters, clouds."""
