"""The explanation report: what it says, its charts and tables, and the page that holds them."""
