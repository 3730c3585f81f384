"""The API, the page, and who may use them."""
