"""Integer neurons as data: a file each, a line each in `table`, and what interprets them."""
