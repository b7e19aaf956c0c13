"""Search: what articles are found by, and the words that a misspelled one may have meant."""

from alembic import op

from migrations.rls import add_audit_triggers, enable_rls, owner_view, run_script, run_script_with

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Of the languages that PostgreSQL ships with.
CASES = """
SELECT string_agg(
    format('WHEN %L THEN %L::regconfig', upper(cfgname::text), 'pg_catalog.' || cfgname), ' ' ORDER BY cfgname
)
FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace
"""

# A CASE over constants is immutable in truth: a cast of the text itself would look names up.
CONFIG = "CASE language <cases> ELSE 'pg_catalog.simple'::regconfig END"

# Articles are text and no markup, so a "<" opens no tag here, and what stands within is found like everything else.
VECTOR = """
ALTER TABLE articles ADD COLUMN vector tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector({config}, translate(title, '<', ' ')), 'A')
    || setweight(to_tsvector({config}, translate(content, '<', ' ')), 'B')
) STORED;
CREATE INDEX articles_by_vector ON articles USING gin (tenant_id, language, vector)
    WITH (gin_pending_list_limit = 512)
"""

CONFIG_OF = """
CREATE FUNCTION atrium_text_config(language text) RETURNS regconfig
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ BEGIN RETURN {config}; END $$
"""

WORDS = """
CREATE TABLE article_words (
    tenant_id uuid NOT NULL CONSTRAINT article_words_tenant_id_fkey REFERENCES tenants,
    word text NOT NULL,
    CONSTRAINT article_words_pkey PRIMARY KEY (tenant_id, word)
);
CREATE INDEX article_words_by_text ON article_words USING gist (tenant_id, word gist_trgm_ops)
"""

WORDS_OF = """
    SELECT DISTINCT a.tenant_id, w.word FROM {articles} a, LATERAL unnest(tsvector_to_array(
        to_tsvector('pg_catalog.simple'::regconfig, translate(a.title || ' ' || a.content, '<', ' '))
    )) w (word)
    WHERE char_length(w.word) BETWEEN 4 AND 30 AND w.word ~ '^[[:alpha:]]+$'
"""

FILL = "INSERT INTO article_words (tenant_id, word) " + WORDS_OF.format(articles="articles")

# In their order, so that two writers of the same new words do not wait for each other.
LEARN = f"""
CREATE FUNCTION atrium_learn_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO public.article_words (tenant_id, word)
    SELECT f.tenant_id, f.word FROM ({WORDS_OF.format(articles="written")}) f
    WHERE NOT EXISTS (SELECT FROM public.article_words k WHERE k.tenant_id = f.tenant_id AND k.word = f.word)
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""

TRIGGER = """
CREATE TRIGGER learn_words_{event} AFTER {event} ON articles REFERENCING NEW TABLE AS written
FOR EACH STATEMENT EXECUTE FUNCTION atrium_learn_words()
"""


def upgrade() -> None:
    """Let articles be found, those too that there are already."""
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    run_script_with("cases", CASES, VECTOR.format(config=CONFIG))
    add_audit_triggers("articles")  # the log keeps no vectors
    run_script_with("cases", CASES, CONFIG_OF.format(config=CONFIG))
    run_script(WORDS)
    enable_rls("article_words")
    op.execute(FILL)
    op.execute(LEARN)
    op.execute("REVOKE ALL ON FUNCTION atrium_learn_words() FROM PUBLIC")
    for event in ("insert", "update"):
        op.execute(TRIGGER.format(event=event))
    owner_view("articles_search", "SELECT tenant_id, id, language, status, author_id, created_at, vector FROM articles")
    owner_view("article_words_search", "SELECT tenant_id, word FROM article_words")


def downgrade() -> None:
    """Take it back; the articles stay."""
    op.execute("DROP VIEW articles_search, article_words_search")
    for event in ("insert", "update"):
        op.execute(f"DROP TRIGGER learn_words_{event} ON articles")
    op.execute("DROP FUNCTION atrium_learn_words()")
    op.execute("DROP TABLE article_words")
    op.execute("DROP FUNCTION atrium_text_config(text)")
    op.execute("ALTER TABLE articles DROP COLUMN vector")
    add_audit_triggers("articles")
    op.execute("DROP EXTENSION btree_gin")
