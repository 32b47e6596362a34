"""Intervals of means and shares, over borrowers."""
