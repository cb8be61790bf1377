"""What the gateway shows in a browser beside a model's own page."""
