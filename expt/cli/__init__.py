"""The verbs beside `run`: each module is `main(words) -> int`, top to bottom."""
