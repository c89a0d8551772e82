"""python -m cardscope."""

from cardscope.cli import main

main()
