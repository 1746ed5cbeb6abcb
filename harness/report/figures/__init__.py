"""Figures of a report, as specifications of Vega-Lite: one each for the page and for PNG and SVG files."""
