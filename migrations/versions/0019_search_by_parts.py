"""Search by parts: one normalization for articles and queries, accents folded, bigrams where words have no spaces."""

from alembic import op

from migrations.rls import owner_view, run_script_with

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

CJK = r"\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
CJK += r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
"""Chinese, Japanese and Korean characters: what is written without spaces, as ranges of a regular expression."""

# Whatever joins words for PostgreSQL's parser, such as in a URL or a name of a file, is a space to it; so is every
# sign, in every locale, since a database with the locale "C" takes all that is not ASCII for letters.
ASCII_SIGNS = r"!-/:-@\[-`{-~"
SIGNS = ASCII_SIGNS + r"\u0080-\u00a9\u00ab-\u00ac\u00ae-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
SIGNS += r"\u2000-\u200b\u2010-\u2029\u202f-\u205f\u2190-\u23ff\u2500-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020"
SIGNS += r"\u3030\u30a0\u30fb\ufdd0-\ufdef\ufe30-\ufe4f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
IGNORED = r"\u00ad\u2060\ufeff"  # soft hyphens and the like stand within words and are not seen
VERSION = r"(?<![A-Za-z0-9])([vV])([0-9]+\.[0-9])"

START, STOP = "\ufdd0", "\ufdd1"  # noncharacters, which Unicode sets aside for a program's own use
BREAK = "\x01"  # no letter in any locale
QUOTES, SPACES = "\u201c\u201d\u201e\u201f\uff02", "\u00a0\u200b\u3000"  # of a query, besides those of ASCII

LIGATURES = {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ĳ": "ij", "ﬁ": "fi", "ﬂ": "fl"}
STROKED, UNSTROKED = "øØđĐłŁħĦı", "oOdDlLhHi"
FULLWIDTH = "".join(map(chr, (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))))
HALFWIDTH = "".join(chr(ord(letter) - 0xFEE0) for letter in FULLWIDTH)
SHORT_I = "\u0438\u0306", "\u0439"  # a letter of its own in Cyrillic, where it ends many words
ACCENTS = r"\u0300-\u036f\u0591-\u05bd\u0640\u064b-\u065f\u0670"
"""Combining accents, Hebrew points, Arabic vowel signs: folding leaves them out."""

HEAD = "LANGUAGE {language} IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp"
SQL, PLPGSQL = HEAD.format(language="sql"), HEAD.format(language="plpgsql")

# NFC, signs as spaces, "C++" and "C#" with a name for their signs, "v1.2" as "v 1.2".
NORMALIZE = rf"""
CREATE FUNCTION atrium_search_text(body text) RETURNS text {PLPGSQL}
AS $$
BEGIN
    IF body ~ '[A-Za-z](\+\+|#)' THEN
        body := regexp_replace(body, '([A-Za-z])\+\+(?![A-Za-z+])', '\1 plusplus ', 'g');
        body := regexp_replace(body, '(?<![A-Za-z0-9])([A-Za-z])#(?![A-Za-z0-9])', '\1 sharp ', 'g');
    END IF;
    body := regexp_replace(body, '{VERSION}', '\1 \2', 'g');
    IF octet_length(body) > char_length(body) THEN
        body := normalize(regexp_replace(body, '[{IGNORED}]', '', 'g'), NFC);
    END IF;
    RETURN regexp_replace(body, '[{SIGNS}]+', ' ', 'g');
END $$
"""

# As many words as before, each without its accents.
FOLD = f"""
CREATE FUNCTION atrium_search_fold(body text) RETURNS text {PLPGSQL}
AS $$
DECLARE
    folded text := replace(normalize(body, NFD), '{SHORT_I[0]}', '{SHORT_I[1]}');
BEGIN
    folded := regexp_replace(folded, '[{ACCENTS}]+', '', 'g');
    IF body ~ '[^\\u0001-\\u08ff\\u1e00-\\u2fff]' THEN
        folded := translate(normalize(folded, NFC), '{FULLWIDTH}', '{HALFWIDTH}');
    END IF;
    IF folded ~ '[{STROKED}{"".join(LIGATURES)}]' THEN
        folded := translate(folded, '{STROKED}', '{UNSTROKED}');
        {"".join(f"folded := replace(folded, '{one}', '{two}'); " for one, two in LIGATURES.items())}
    END IF;
    RETURN folded;
END $$
"""

# A run of n characters is n words: its n - 1 bigrams and its last character. So any two neighbours are one word, a
# longer part is a phrase, and a single character is a prefix.
BIGRAMS = f"""
CREATE FUNCTION atrium_search_bigrams(body text) RETURNS text {SQL}
AS $$
    SELECT string_agg(CASE WHEN NOT is_cjk THEN piece WHEN follows THEN ' ' || piece || next || ' '
        ELSE ' ' || piece || ' ' END, '' ORDER BY place)
    FROM (
        SELECT piece, place, is_cjk, lead(piece) OVER w AS next, lead(is_cjk, 1, false) OVER w AS follows
        FROM string_to_table(body, NULL) WITH ORDINALITY t (piece, place), LATERAL (SELECT piece ~ '[{CJK}]') c (is_cjk)
        WINDOW w AS (ORDER BY place)
    ) pieces
$$
"""

# A vector has room for a megabyte of words. What may need more is four bytes a character, and rare: of that, the first
# 80,000 characters are searched.
VECTOR_OF = f"""
CREATE FUNCTION atrium_search_vector(language text, body text) RETURNS tsvector {PLPGSQL}
AS $$
DECLARE
    config regconfig := public.atrium_text_config(language);
    words text := public.atrium_search_text(CASE WHEN octet_length(body) > 320000 THEN left(body, 80000) ELSE body END);
    folded text;
BEGIN
    IF octet_length(words) = char_length(words) THEN
        RETURN to_tsvector(config, words);
    END IF;
    IF words ~ '[{CJK}]' THEN
        words := public.atrium_search_bigrams(words);
    END IF;
    folded := public.atrium_search_fold(words);
    IF folded = words THEN
        RETURN to_tsvector(config, words);
    END IF;
    -- The same words at the same places, once as they are written and once without accents.
    RETURN (to_tsvector(config, words)::text || ' ' || to_tsvector(config, folded)::text)::tsvector;
END $$
"""

# What is not separated by spaces is a phrase, made of the vector that an article of just that has: each place has one
# word or its two forms. Places end at 16,383, where a phrase is what stands at one and the same place.
PHRASE = f"""
CREATE FUNCTION atrium_search_phrase(vector tsvector) RETURNS text {SQL}
AS $$
    WITH words AS (
        SELECT place, lexeme, lexeme ~ '^[{CJK}]$' AS is_single,
            quote_literal(lexeme) || CASE WHEN lexeme ~ '^[{CJK}]$' THEN ':{START}' ELSE ':{STOP}' END AS word
        FROM unnest(vector), unnest(positions) place
    ), places AS (
        SELECT place, '(' || string_agg(word, '|' ORDER BY word) || ')' AS choice,
            place - lag(place) OVER (ORDER BY place) AS distance
        FROM words w
        WHERE NOT (is_single AND EXISTS (
            SELECT FROM words b WHERE b.place = w.place - 1 AND b.lexeme ~ ('^[{CJK}]' || w.lexeme || '$')
        ))
        GROUP BY place
    )
    SELECT CASE count(*) WHEN 0 THEN '' WHEN 1 THEN min(choice) ELSE
        '(' || string_agg(coalesce('<' || distance || '>', '') || choice, '' ORDER BY place) || '|'
        || string_agg(choice, '<0>' ORDER BY place) || ')' END
    FROM places
$$
"""

# As `websearch_to_tsquery` reads a query, but that its words are taken apart as those of an article are, and that "-"
# excludes only what it stands right before. `terms` is what to mark in a text; `title_query` and `title_terms` ask the
# title alone, for all of the query and for any part of it.
QUERY_OF = f"""
CREATE FUNCTION atrium_search_query(language text, asked text,
    OUT query tsquery, OUT title_query tsquery, OUT title_terms tsquery, OUT terms text[]) {PLPGSQL}
AS $$
DECLARE
    item text[];
    is_excluded boolean;
    is_choice boolean := false;
    vector tsvector;
    lexemes text[];
    phrase text;
    whole text := '';
    wanted text := '';
BEGIN
    terms := '{{}}';
    asked := translate(normalize(asked, NFC), '{QUOTES}{SPACES}', '{'"' * len(QUOTES)}{" " * len(SPACES)}');
    FOR item IN SELECT regexp_matches(asked, '(-?)"([^"]*)"?|([^"[:space:]]+)', 'g') LOOP
        IF lower(item[3]) = 'or' AND whole <> '' AND NOT is_choice THEN
            is_choice := true;
            CONTINUE;
        END IF;
        is_excluded := coalesce(item[1] = '-', item[3] ~ '^-[^-]');
        vector := public.atrium_search_vector(language, coalesce(item[2], item[3]));
        lexemes := tsvector_to_array(vector);
        CONTINUE WHEN lexemes = '{{}}';
        IF item[3] ~ '^[A-Za-z0-9]+$' THEN  -- one word, as most are: this takes half the time
            phrase := '(''' || array_to_string(lexemes, ''':{STOP}|''') || ''':{STOP})';
        ELSE
            phrase := public.atrium_search_phrase(vector);
            lexemes := ARRAY(
                SELECT lexeme FROM unnest(lexemes) lexeme WHERE lexeme !~ '^[{CJK}]+$'
                UNION ALL
                SELECT run[1] FROM regexp_matches(
                    public.atrium_search_text(coalesce(item[2], item[3])), '[{CJK}]+', 'g') run
            );
        END IF;
        whole := concat(whole, CASE WHEN whole = '' THEN '' WHEN is_choice THEN '|' ELSE '&' END,
            CASE WHEN is_excluded THEN '!' END, phrase);
        is_choice := false;
        IF NOT is_excluded THEN
            wanted := concat_ws('|', nullif(wanted, ''), phrase);
            terms := terms || lexemes;
        END IF;
    END LOOP;
    whole := nullif(whole, '');
    wanted := nullif(wanted, '');
    query := replace(replace(whole, ':{STOP}', ''), '{START}', '*');
    title_query := translate(replace(whole, '{START}', '*{STOP}'), '{STOP}', 'A');
    title_terms := translate(replace(wanted, '{START}', '*{STOP}'), '{STOP}', 'A');
END $$
"""

# PostgreSQL marks matches in a text that is broken after every sign, so that it takes the words apart as a vector does,
# and within what has no spaces at all. A word that is found without its accents is looked up by its place, and runs of
# characters that have no spaces are set apart before. An excerpt is the part with most of the words that are sought.
HIGHLIGHT = rf"""
CREATE FUNCTION atrium_search_highlight(language text, body text, terms text[], is_whole boolean) RETURNS text {PLPGSQL}
AS $$
DECLARE
    config regconfig := public.atrium_text_config(language);
    sought tsquery := '''' || nullif(array_to_string(terms, '''|'''), '') || '''';  -- no word has quotes
    folded text;
    runs text;
BEGIN
    body := regexp_replace(body, '{VERSION}', '\1{BREAK}\2', 'g');
    body := regexp_replace(body, '[{ASCII_SIGNS}]', '\&{BREAK}', 'g');
    IF octet_length(body) > char_length(body) THEN
        body := normalize(regexp_replace(body, '[{IGNORED}\ufdd0-\ufdef]', '', 'g'), NFC);
        folded := public.atrium_search_fold(body);
        IF folded <> body THEN
            SELECT coalesce(sought || string_agg(quote_literal(w.lexeme), '|')::tsquery, sought) INTO sought
            FROM unnest(to_tsvector(config, body)) w WHERE w.positions && ARRAY(
                SELECT p FROM unnest(to_tsvector(config, folded)) f, unnest(f.positions) p WHERE f.lexeme = ANY (terms)
            );
        END IF;
        SELECT string_agg(t, '|') INTO runs FROM unnest(terms) t WHERE t ~ '^[{CJK}]+$';
        IF runs <> '' THEN
            body := regexp_replace(body, runs, '{BREAK}\&{BREAK}', 'g');
        END IF;
        body := regexp_replace(body, '[^\s{BREAK}]{{255}}', '\&{BREAK}', 'g');  -- no word of that is left out
    END IF;
    body := coalesce(ts_headline(config, body, sought, 'StartSel={START}, StopSel={STOP}, HighlightAll=true'), body);
    body := replace(body, '{BREAK}', '');
    RETURN CASE WHEN is_whole THEN body ELSE public.atrium_search_excerpt(body) END;
END $$
"""

# The first place from which on most different words are marked within 200 characters.
BEST_MARK = rf"""
CREATE FUNCTION atrium_search_best_mark(body text) RETURNS integer {PLPGSQL}
AS $$
DECLARE
    pieces text[] := (string_to_array(body, '{START}'))[1:1000];
    places integer[] := ARRAY[char_length(pieces[1]) + 1];
    words text[] := '{{}}';
    word text;
    known text := '{STOP}';
    seen text;
    total integer := 0;
    count integer;
    most integer := 0;
    best integer := 1;
BEGIN
    FOR i IN 2 .. cardinality(pieces) LOOP
        word := lower(split_part(pieces[i], '{STOP}', 1)) || '{STOP}';
        words[i - 1] := '{STOP}' || word;
        places[i] := places[i - 1] + char_length(pieces[i]) + 1;
        IF strpos(known, words[i - 1]) = 0 THEN
            known := known || word;
            total := total + 1;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(words) LOOP
        EXIT WHEN most = total;
        seen := words[i];
        count := 1;
        FOR j IN i + 1 .. cardinality(words) LOOP
            EXIT WHEN places[j] > places[i] + 200;
            IF strpos(seen, words[j]) = 0 THEN
                seen := seen || substring(words[j] FROM 2);
                count := count + 1;
            END IF;
        END LOOP;
        IF count > most THEN
            most := count;
            best := i;
        END IF;
    END LOOP;
    RETURN places[best];
END $$
"""

EXCERPT = rf"""
CREATE FUNCTION atrium_search_excerpt(body text) RETURNS text {PLPGSQL}
AS $$
DECLARE
    begin_at integer := strpos(body, '{START}');
    before text;
    after text;
BEGIN
    IF begin_at > 0 THEN
        begin_at := public.atrium_search_best_mark(body);
    END IF;
    begin_at := greatest(begin_at, 1);
    before := right(left(body, begin_at - 1), 60);
    IF begin_at > 61 THEN
        before := regexp_replace(before, '^\S*\s+', '');
        before := substring(before FROM strpos(split_part(before, '{START}', 1), '{STOP}') + 1);
    END IF;
    after := substring(body FROM begin_at FOR 240);
    IF char_length(body) >= begin_at + 240 THEN
        after := left(after, 200) || regexp_replace(right(after, 40), '\s\S*$', '');
        IF strpos(after, '{START}') > 0 AND strpos(split_part(after, '{START}', -1), '{STOP}') = 0 THEN
            after := regexp_replace(after, '(.){START}[^{STOP}]*$', '\1');
            after := regexp_replace(after, '^{START}[^{STOP}]*$', '\&{STOP}');
        END IF;
    END IF;
    RETURN before || after;
END $$
"""

FUNCTIONS = {
    "atrium_search_text(text)": NORMALIZE,
    "atrium_search_fold(text)": FOLD,
    "atrium_search_bigrams(text)": BIGRAMS,
    "atrium_search_vector(text, text)": VECTOR_OF,
    "atrium_search_phrase(tsvector)": PHRASE,
    "atrium_search_query(text, text)": QUERY_OF,
    "atrium_search_best_mark(text)": BEST_MARK,
    "atrium_search_excerpt(text)": EXCERPT,
    "atrium_search_highlight(text, text, text[], boolean)": HIGHLIGHT,
}

VECTOR = """
ALTER TABLE articles ADD COLUMN vector tsvector NOT NULL GENERATED ALWAYS AS (
    setweight({title}, 'A')
    || setweight({content}, 'B')
) STORED;
CREATE INDEX articles_by_vector ON articles USING gin (tenant_id, language, vector)
    WITH (gin_pending_list_limit = 512)
"""

WORDS_OF = """
    SELECT DISTINCT a.tenant_id, w.word FROM {articles} a, LATERAL unnest(tsvector_to_array(
        to_tsvector('pg_catalog.simple'::regconfig, {text})
    )) w (word)
    WHERE char_length(w.word) BETWEEN 4 AND 30 AND w.word ~ '^[[:alpha:]]+$'{more}
"""

# In their order, so that two writers of the same new words do not wait for each other.
LEARN = """
CREATE OR REPLACE FUNCTION atrium_learn_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO public.article_words (tenant_id, word)
    SELECT f.tenant_id, f.word FROM ({words}) f
    WHERE NOT EXISTS (SELECT FROM public.article_words k WHERE k.tenant_id = f.tenant_id AND k.word = f.word)
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""

# A run of Chinese, Japanese or Korean is no word that one misspells.
WORDS = {"text": "public.atrium_search_text(a.title || ' ' || a.content)", "more": f" AND w.word !~ '[{CJK}]'"}
EARLIER_WORDS = {"text": "translate(a.title || ' ' || a.content, '<', ' ')", "more": ""}

CASES = """
SELECT string_agg(
    format('WHEN %L THEN %L::regconfig', upper(cfgname::text), 'pg_catalog.' || cfgname), ' ' ORDER BY cfgname
)
FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace
"""
EARLIER_CONFIG = "CASE language <cases> ELSE 'pg_catalog.simple'::regconfig END"

FILL = "INSERT INTO article_words (tenant_id, word) SELECT f.tenant_id, f.word FROM ({words}) f ON CONFLICT DO NOTHING"

VIEW = "SELECT tenant_id, id, language, status, author_id, created_at, vector FROM articles"


def upgrade() -> None:
    """Take words apart alike in articles and queries, for the articles too that there are already."""
    for function in FUNCTIONS.values():
        op.execute(function)
    _replace_vector("atrium_search_vector(language, {})")
    op.execute(FILL.format(words=WORDS_OF.format(articles="articles", **WORDS)))
    op.execute(LEARN.format(words=WORDS_OF.format(articles="written", **WORDS)))


def downgrade() -> None:
    """Take it back; the articles stay, and the words that were learned."""
    op.execute(LEARN.format(words=WORDS_OF.format(articles="written", **EARLIER_WORDS)))
    _replace_vector(f"to_tsvector({EARLIER_CONFIG}, translate({{}}, '<', ' '))")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")


def _replace_vector(vector_of: str) -> None:
    """Replace the column, its index and the view that shows it; the table is written anew."""
    op.execute("DROP VIEW articles_search")
    op.execute("ALTER TABLE articles DROP COLUMN vector")
    run_script_with("cases", CASES, VECTOR.format(title=vector_of.format("title"), content=vector_of.format("content")))
    owner_view("articles_search", VIEW)
