"""The command: words to `Options`, a verb to its function, an error to text and exit code.

main ─┬─ command_line ── arguments    `expt run`: words over configuration
      └─ show  params  render  new  completion    a verb each: `main(words) -> int`
"""
