"""The words and rules of Batch: pure Python, no Django, no I/O, no clock."""
