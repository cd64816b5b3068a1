"""Command-line modules: options, one call into the library, one printed result."""
