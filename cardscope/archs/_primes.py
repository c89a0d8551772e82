"""Primes, for tables whose row counts are primes (hashed n-grams)."""

from __future__ import annotations


def primes(start: int, count: int) -> list[int]:
    """The first `count` primes from `start` on."""
    found: list[int] = []
    number = max(start, 2)
    while len(found) < count:
        if is_prime(number):
            found.append(number)
        number += 1
    return found


BASES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
"""Bases that decide every number below 3.3e24 (Sorenson and Webster 2015, arXiv:1509.00864)."""


def is_prime(number: int) -> bool:
    """Miller and Rabin's test, exact below 3.3e24."""
    if number < 2 or any(number % base == 0 for base in BASES):
        return number in BASES
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(number, base, odd, twos) for base in BASES)


def _passes(number: int, base: int, odd: int, twos: int) -> bool:
    value = pow(base, odd, number)
    return value == 1 or any(pow(base, odd << n, number) == number - 1 for n in range(twos))
