"""Every query, one function per arrow, named after it. Functions run in the caller's transaction and take its time."""
