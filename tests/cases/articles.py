"""What the shared tests try of articles and their search."""

from models import Article
from services import articles
from tests.support import case_documents, case_objects
from tests.support.case_context import secret_text
from tests.support.case_values import PAGE
from tests.support.derived_cases import insert_listed_rows
from tests.support.derived_rows import some_rows
from tests.support.domain_cases import CollectionCase, DomainCases

OUTCOMES = """
                                  owner      admin      member     removed    outsider   nobody
node: Article                     ok         ok         ok         U          F          U
article                           ok         ok         ok         U          F          U
article: somebody's draft         ok         ok         null       U          F          U
articles                          ok         ok         ok         U          F          U
articles: of somebody             ok         ok         ok         U          F          U
articles: after                   ok         ok         ok         U          F          U
articleStats                      ok         ok         ok         U          F          U
searchArticles                    ok         ok         ok         U          F          U
searchArticles: of somebody       ok         ok         ok         U          F          U
searchArticles: after             ok         ok         ok         U          F          U
suggestArticles                   ok         ok         ok         U          F          U
createArticle                     ok         ok         ok         U          F          U
createArticle: published          ok         ok         F          U          F          U
updateArticle                     ok         ok         ok         U          F          U
updateArticle: published          ok         ok         F          U          F          U
deleteArticle                     ok         ok         ok         U          F          U
deleteArticle: somebody's draft   ok         ok         NOT_FOUND  U          F          U
importArticles                    ok         ok         F          U          F          U
"""

SCALE = {
    "articles": """
    INSERT INTO articles (tenant_id, id, title, content, language, status, author_id, created_at, updated_at)
    SELECT t.id, gen_random_uuid(), 'Article ' || md5(slug || n),
        format('Words %s and %s of many, and word%s', md5('a' || n % 700), md5('b' || n % 90), n),
        CASE WHEN n % 50 = 3 THEN 'GERMAN' WHEN n % 5 = 1 THEN 'FRENCH' ELSE 'ENGLISH' END,
        CASE WHEN n % 20 = 0 THEN 'DRAFT' ELSE 'PUBLISHED' END, m.ids[1 + n % 200],
        now() - n * interval '1 hour', now() - n * interval '1 minute'
    FROM tenants t
        JOIN (SELECT tenant_id, array_agg(user_id) FROM memberships GROUP BY 1) m (tenant_id, ids)
            ON m.tenant_id = t.id,
        generate_series(1, 5000) n
""",
}

CASES = DomainCases(
    operations={
        "article": {"id": case_documents.article},
        "article: somebody's draft": {"id": case_documents.draft_article},
        "articles": {"orderBy": {"field": "TITLE"}},
        "articles: of somebody": {"filter": {"authorId": {"eq": case_documents.article_author}}},
        "articles: after": {**PAGE, "after": case_objects.first_cursor("articles", case_documents.article)},
        "articleStats": {
            "filter": {"authorId": {"eq": case_documents.article_author}},
            "groupBy": ["AUTHOR"],
        },
        "searchArticles": {"query": case_documents.text_in_article},
        "searchArticles: of somebody": {
            "query": "secret",
            "filter": {"authorId": {"eq": case_documents.article_author}},
            "orderBy": "NEWEST",
        },
        "searchArticles: after": {
            "query": "secret",
            **PAGE,
            "orderBy": "NEWEST",
            "after": case_documents.search_cursor,
        },
        "suggestArticles": {"prefix": case_documents.article_title_prefix},
        "createArticle": {"input": {"title": secret_text, "content": secret_text}},
        "createArticle: published": {"input": {"title": secret_text, "content": "", "status": "PUBLISHED"}},
        "updateArticle": {"input": {"id": case_documents.own_draft, "title": secret_text, "expectedVersion": 1}},
        "updateArticle: published": {"input": {"id": case_documents.article, "content": secret_text}},
        "deleteArticle": {"input": {"id": case_documents.own_draft}},
        "deleteArticle: somebody's draft": {"input": {"id": case_documents.draft_article}},
        "importArticles": {"input": {"articles": [{"title": secret_text, "content": secret_text}]}},
    },
    nodes={"Article": case_documents.article},
    outcomes=OUTCOMES,
    cannot_leak={
        "searchArticles": "reads a view that is a wall itself",
        "searchArticles: of somebody": "reads a view that is a wall itself",
        "searchArticles: after": "reads a view that is a wall itself",
    },
    collections={
        "articles.ARTICLES": CollectionCase(articles.ARTICLES, some_rows(Article, 150, status="PUBLISHED"), 150),
        "articles.CHANGED_ENTRIES": CollectionCase(
            articles.CHANGED_ENTRIES, some_rows(Article, 150, status="PUBLISHED"), 150
        ),
    },
    scale=SCALE,
    insert_listed=insert_listed_rows(articles.ARTICLES, "Article"),
    list_arguments={"searchArticles": 'query: "article"'},
)
