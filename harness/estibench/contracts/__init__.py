"""What a plugin author implements. Everything here is public through `estibench` itself."""
