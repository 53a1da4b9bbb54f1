"""Reads of why jobs wait and for how long: what is before them, what is free, and how long others ran."""
