"""What the demo's people write for each other: articles in some languages, most of them published."""

from collections.abc import Iterator

from atrium.demo.builders import CompanyContext, RowBuilder, RowValues
from atrium.demo.vocabulary import PROJECT_KINDS, SENTENCES, SUBJECTS, pick_pair
from models import Article, ArticleLanguage, ArticleStatus
from models.base import new_id

__all__ = ["BUILDERS"]

WRITTEN_ARTICLES: tuple[tuple[ArticleLanguage, str, str], ...] = (
    (
        ArticleLanguage.ENGLISH,
        "How we take in deliveries",
        (
            "Deliveries arrive at the ramp between seven and ten. Count the parcels before the driver goes, note what "
            "is damaged on the delivery note, and have it signed. Whatever must stay cold goes to the cold store."
        ),
    ),
    (
        ArticleLanguage.ENGLISH,
        "Returns: what customers may send back",
        (
            "Customers have thirty days to return what they bought. Unused goods are refunded in full; used ones are "
            "looked at by the returns desk, which decides within two days. Personalised goods cannot be returned."
        ),
    ),
    (
        ArticleLanguage.ENGLISH,
        "Passwords and what to do when one is lost",
        (
            "Use a password manager, and a password of its own for each account. If a laptop or a phone is lost, tell "
            "the help desk within the hour: it ends all sessions, and you choose a new password when you log in again."
        ),
    ),
    (
        ArticleLanguage.ENGLISH,
        "Writing for the website: <b> is for headings, not for shouting",
        (
            "Short sentences. One thought each. Marking words with <b> or <em> is for editors, and all else comes "
            "from the style sheet. Pictures need a description for people who cannot see them."
        ),
    ),
    (
        ArticleLanguage.GERMAN,
        "Inventur: so zählen wir",
        (
            "Gezählt wird am letzten Samstag im Quartal. Je zwei Kolleginnen oder Kollegen zählen ein Regal, die eine "
            "zählt, der andere schreibt. Abweichungen von mehr als fünf Stück werden ein zweites Mal gezählt."
        ),
    ),
    (
        ArticleLanguage.FRENCH,
        "Accueillir les nouveaux collègues",
        (
            "Le premier jour commence à neuf heures par un tour des bureaux. Le matériel est prêt, les accès sont "
            "ouverts, et une collègue accompagne la nouvelle personne pendant ses deux premières semaines."
        ),
    ),
    (
        ArticleLanguage.SPANISH,
        "Viajes de trabajo y sus gastos",
        (
            "Los viajes se aprueban antes de reservar. Guarde los recibos: los gastos se reembolsan con la nómina "
            "siguiente, siempre que la hoja de gastos llegue antes del día veinte."
        ),
    ),
)


def _build_articles(context: CompanyContext, numbers: range) -> Iterator[RowValues]:
    """Articles: first those that were written by hand, then reports on the company's projects; one in six a draft."""
    draw = context.random
    for number in numbers:
        if number < len(WRITTEN_ARTICLES):
            language, title, content = WRITTEN_ARTICLES[number]
        else:
            subject, effort, turn = pick_pair(number, SUBJECTS, PROJECT_KINDS)
            language, title = ArticleLanguage.ENGLISH, f"{subject} {effort}: report {turn + 1}"
            content = f"Where the {effort} of {subject.lower()} stands. " + " ".join(draw.sample(SENTENCES, 6))
        created, is_draft = context.random_past(1, 300), number % 6 == 5  # noqa: PLR2004  # one in six
        yield (
            Article,
            {
                "tenant_id": context.tenant_id,
                "id": new_id(),
                "title": title,
                "content": content,
                "language": language,
                "author_id": draw.choice(context.people).user_id,
                "status": ArticleStatus.DRAFT if is_draft else ArticleStatus.PUBLISHED,
                "published_at": None if is_draft else created,
                "created_at": created,
                "updated_at": created,
            },
        )


BUILDERS = (RowBuilder(Article, _build_articles, minimum=50, at_full_scale=5_000),)
"""What there is to read."""
