"""Our own tests use the sandbox that plugin authors get."""

pytest_plugins = ["expt.testing"]
