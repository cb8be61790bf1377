"""Where a model comes from: a local directory, the Hub, or the fallback model."""
