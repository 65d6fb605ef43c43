"""Architectures as code: torch modules with batch normalisation, and students that no graph can be cut into."""
