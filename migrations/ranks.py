"""The functions behind places in a list that people sort by hand: keys between keys, as revision 0022 has them.

A key is a path of whole numbers, each written so that the order of bytes is that of the numbers: a letter says how
many hexadecimal digits follow, from `a` for one digit of a number from 0 up, and from `Z` down for negative ones, whose
digits are complemented. A path comes before all that begin with it. So there is a key between any two, before all and
after all, and whoever keeps adding at one place counts up or down there: the key grows by a digit when the number does.
Numbers leave room for others, and are drawn, so that two who add at one place at once seldom get the same key.
"""

from alembic import op

__all__ = ["create_rank_functions", "drop_rank_functions"]

ENCODE = """
CREATE FUNCTION atrium_rank_part(number bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    digits text := to_hex(CASE WHEN number < 0 THEN -1 - number ELSE number END);
BEGIN
    IF number < 0 THEN
        RETURN chr(91 - length(digits)) || translate(digits, '0123456789abcdef', 'fedcba9876543210');
    END IF;
    RETURN chr(96 + length(digits)) || digits;
END $$
"""

DECODE = """
CREATE FUNCTION atrium_rank_parts(rank text) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts bigint[] := '{}';
    at integer := 1;
    head integer;
    size integer;
    digits text;
BEGIN
    WHILE at <= length(rank) LOOP
        head := ascii(substr(rank, at, 1));
        size := CASE WHEN head > 96 THEN head - 96 ELSE 91 - head END;
        digits := substr(rank, at + 1, size);
        IF head > 96 THEN
            parts := parts || ('x' || lpad(digits, 16, '0'))::bit(64)::bigint;
        ELSE
            digits := translate(digits, '0123456789abcdef', 'fedcba9876543210');
            parts := parts || -1 - ('x' || lpad(digits, 16, '0'))::bit(64)::bigint;
        END IF;
        at := at + 1 + size;
    END LOOP;
    RETURN parts;
END $$
"""

# The key between two, of which null is the end of the list on that side. It is as short as its neighbours allow: a
# number between theirs, or what the higher one begins with, or else one number more than the lower one has, which is
# counted up from there.
BETWEEN = """
CREATE FUNCTION atrium_rank_between(lower text, higher text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    below bigint[] := public.atrium_rank_parts(lower);
    above bigint[] := public.atrium_rank_parts(higher);
    step bigint := 1 + floor(random() * 4096);
    prefix text := '';
    at integer := 1;
    room bigint;
BEGIN
    IF lower IS NULL THEN
        RETURN public.atrium_rank_part(CASE WHEN higher IS NULL THEN step ELSE above[1] - step END);
    ELSIF higher IS NULL THEN
        RETURN public.atrium_rank_part(below[1] + step);
    END IF;
    WHILE below[at] = above[at] LOOP
        prefix := prefix || public.atrium_rank_part(below[at]);
        at := at + 1;
    END LOOP;
    IF below[at] IS NULL THEN
        RETURN prefix || public.atrium_rank_part(above[at] - step);
    END IF;
    room := above[at] - below[at] - 1;
    IF room > 0 THEN
        RETURN prefix || public.atrium_rank_part(
            below[at] + 1 + room / 4 + floor(random() * ((room + 1) / 2))::bigint);
    ELSIF above[at + 1] IS NOT NULL THEN
        RETURN prefix || public.atrium_rank_part(above[at]);
    END IF;
    RETURN prefix || public.atrium_rank_part(below[at]) || public.atrium_rank_part(coalesce(below[at + 1], 0) + step);
END $$
"""

FUNCTIONS = ("atrium_rank_between(text, text)", "atrium_rank_parts(text)", "atrium_rank_part(bigint)")


def create_rank_functions() -> None:
    """Create the functions that make keys between keys."""
    for function in (ENCODE, DECODE, BETWEEN):
        op.execute(function)


def drop_rank_functions() -> None:
    """Drop them."""
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
