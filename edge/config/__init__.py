"""The site file: schema, loader that reports every error at once, effective configuration."""
