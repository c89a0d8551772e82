"""One module an engine: small rules that fold an inventory and its states into bytes."""
