"""Order-driven mechanisms: each clears the book of one delivery period."""
