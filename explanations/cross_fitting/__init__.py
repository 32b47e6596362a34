"""The whole of a small book, each client by models that have not seen him."""
