"""Search: the languages of each tenant in a table, and less work for each query."""

from alembic import op

from migrations.rls import enable_rls, run_script, run_script_with

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

CJK = r"\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
CJK += r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"

START, STOP = "\ufdd0", "\ufdd1"  # noncharacters, which Unicode sets aside for a program's own use
QUOTES, SPACES = "\u201c\u201d\u201e\u201f\uff02", "\u00a0\u200b\u3000"  # of a query, besides those of ASCII

PLPGSQL = "LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp"

LANGUAGES = """
CREATE TABLE article_languages (
    tenant_id uuid NOT NULL CONSTRAINT article_languages_tenant_id_fkey REFERENCES tenants,
    language text NOT NULL,
    CONSTRAINT article_languages_pkey PRIMARY KEY (tenant_id, language)
)
"""

FILL = "INSERT INTO article_languages (tenant_id, language) SELECT DISTINCT tenant_id, language FROM articles"

# Nothing is ever taken out of this table, so what is found in it needs no lock. Who brings a language that somebody
# else is just bringing waits, and brings it after all if that one gives up. So whoever sees an article sees its
# language. They come in their order, so that two writers do not wait for each other.
ADD = """
CREATE FUNCTION atrium_add_languages() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO public.article_languages (tenant_id, language)
    SELECT DISTINCT a.tenant_id, a.language FROM written a WHERE NOT EXISTS (
        SELECT FROM public.article_languages k WHERE k.tenant_id = a.tenant_id AND k.language = a.language
    )
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""

TRIGGER = """
CREATE TRIGGER add_languages_{event} AFTER {event} ON articles REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION atrium_add_languages()
"""

ANY_QUERY = """
CREATE AGGREGATE atrium_any_query(tsquery) (SFUNC = pg_catalog.tsquery_or, STYPE = tsquery, PARALLEL = SAFE)
"""

# The configurations are those of the day on which articles became searchable.
CASES = """
SELECT string_agg('WHEN ''' || name[1] || ''' THEN ''pg_catalog.' || lower(name[1]) || '''::regconfig', ' ')
FROM regexp_matches(pg_get_functiondef('atrium_text_config(text)'::regprocedure), 'WHEN ''([A-Z]+)''', 'g') name
"""

CONFIG = "CASE language <cases> ELSE 'pg_catalog.simple'::regconfig END"


# Parsed when it is made, so it looks up no names, and PostgreSQL puts it in place of its calls. STRICT would forbid
# that; none of its callers has a null.
CONFIG_OF = """
CREATE OR REPLACE FUNCTION atrium_text_config(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN {config}
"""

EARLIER_CONFIG_OF = """
CREATE OR REPLACE FUNCTION atrium_text_config(language text) RETURNS regconfig
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ BEGIN RETURN {config}; END $$
"""

# As before; but a word of ASCII letters and digits, as most are, is parsed at once, since there is nothing in it to
# take apart, and a query of nothing else is split at its spaces.
QUERY_OF = f"""
CREATE OR REPLACE FUNCTION atrium_search_query(language text, asked text,
    OUT query tsquery, OUT title_query tsquery, OUT title_terms tsquery, OUT terms text[]) {PLPGSQL}
AS $$
DECLARE
    config regconfig := public.atrium_text_config(language);
    items text[];
    item text;
    body text;
    is_excluded boolean;
    is_choice boolean := false;
    vector tsvector;
    lexemes text[];
    phrase text;
    whole text := '';
    wanted text := '';
BEGIN
    terms := '{{}}';
    IF asked ~ '^[A-Za-z0-9 ]*$' THEN
        items := string_to_array(asked, ' ');
    ELSE
        asked := translate(normalize(asked, NFC), '{QUOTES}{SPACES}', '{'"' * len(QUOTES)}{" " * len(SPACES)}');
        items := ARRAY(SELECT (regexp_matches(asked, '-?"[^"]*"?|[^"[:space:]]+', 'g'))[1]);
    END IF;
    FOREACH item IN ARRAY items LOOP
        IF lower(item) = 'or' AND whole <> '' AND NOT is_choice THEN
            is_choice := true;
            CONTINUE;
        END IF;
        IF item ~ '^[A-Za-z0-9]*$' THEN
            is_excluded := false;
            lexemes := tsvector_to_array(to_tsvector(config, item));
            CONTINUE WHEN lexemes = '{{}}';
            phrase := '(''' || array_to_string(lexemes, ''':{STOP}|''') || ''':{STOP})';
        ELSE
            is_excluded := item ~ '^-[^-]';
            body := CASE WHEN strpos(item, '"') > 0 THEN split_part(item, '"', 2) ELSE item END;
            vector := public.atrium_search_vector(language, body);
            lexemes := tsvector_to_array(vector);
            CONTINUE WHEN lexemes = '{{}}';
            phrase := public.atrium_search_phrase(vector);
            lexemes := ARRAY(
                SELECT lexeme FROM unnest(lexemes) lexeme WHERE lexeme !~ '^[{CJK}]+$'
                UNION ALL
                SELECT run[1] FROM regexp_matches(public.atrium_search_text(body), '[{CJK}]+', 'g') run
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
    title_query := replace(replace(whole, '{START}', '*{STOP}'), '{STOP}', 'A');
    title_terms := replace(replace(wanted, '{START}', '*{STOP}'), '{STOP}', 'A');
END $$
"""

EARLIER_QUERY_OF = f"""
CREATE OR REPLACE FUNCTION atrium_search_query(language text, asked text,
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


def upgrade() -> None:
    """Keep the languages of the articles, those too that there are already."""
    run_script(LANGUAGES)
    enable_rls("article_languages", grants="SELECT")
    op.execute(ADD)
    op.execute("REVOKE ALL ON FUNCTION atrium_add_languages() FROM PUBLIC")
    for event in ("insert", "update"):
        op.execute(TRIGGER.format(event=event))
    op.execute(FILL)
    op.execute(ANY_QUERY)
    _replace_config(CONFIG_OF)
    op.execute(QUERY_OF)


def downgrade() -> None:
    """Take it back; the articles stay."""
    op.execute(EARLIER_QUERY_OF)
    _replace_config(EARLIER_CONFIG_OF)
    op.execute("DROP AGGREGATE atrium_any_query(tsquery)")
    for event in ("insert", "update"):
        op.execute(f"DROP TRIGGER add_languages_{event} ON articles")
    op.execute("DROP FUNCTION atrium_add_languages()")
    op.execute("DROP TABLE article_languages")


def _replace_config(function: str) -> None:
    run_script_with("cases", CASES, function.format(config=CONFIG))
