"""The command: words to `Options`, a verb to its function, an error to text and exit code.

main ─┬─ command_line ─┬─ arguments       `expt run`: its words
      │                └─ typed_options   what was typed, over the configuration
      └─ show  params  render  new  …   a verb each: `main(words) -> int`

parser, which_runs    what every verb parses with, and the words that choose runs
"""
