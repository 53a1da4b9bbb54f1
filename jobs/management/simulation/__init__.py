"""Behind `manage.py simulate`: several scenarios side by side, and what is printed of them."""
