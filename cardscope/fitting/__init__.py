"""Will it run: hardware, engines, and the verdict before anything is downloaded."""
