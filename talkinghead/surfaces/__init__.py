"""Where people meet the product: command line, web page, live, batch."""
