"""The words that the demo's names, titles and descriptions are put together from."""

import unicodedata
from collections.abc import Sequence

__all__ = [
    "DOCUMENT_KINDS",
    "LABEL_NAMES",
    "PROJECT_KINDS",
    "SENTENCES",
    "SUBJECTS",
    "TASK_OBJECTS",
    "TASK_VERBS",
    "person_name",
    "pick_pair",
]

STRIDE = 7_919  # a prime that the length of no list is a multiple of, so that it reaches every pair once

FIRST_NAMES = (
    "Ada", "Aisha", "Alejandro", "Amara", "André", "Anika", "Ben", "Bianca", "Carlos", "Chiara", "Chloé", "Daniel",
    "Daria", "David", "Elena", "Emeka", "Emil", "Esther", "Farid", "Fatima", "Felix", "Grace", "Hana", "Hugo", "Ines",
    "Isaac", "Ivy", "Jakub", "Jonas", "Julia", "Kenji", "Kofi", "Laila", "Leo", "Lin", "Lucía", "Magnus", "Marta",
    "Mei", "Mohamed", "Nadia", "Nils", "Noor", "Olga", "Oscar", "Priya", "Rafael", "Rosa", "Samir", "Sofia", "Tariq",
    "Theo", "Uma", "Viktor", "Wanda", "Yusuf", "Zoë",
)  # fmt: skip

LAST_NAMES = (
    "Abbott", "Adeyemi", "Andersson", "Bauer", "Becker", "Bianchi", "Brandt", "Castillo", "Chen", "Clarke", "Cohen",
    "Dubois", "Eriksen", "Farouk", "Fischer", "Fontaine", "García", "Gupta", "Haddad", "Hansen", "Hoffmann",
    "Horváth", "Ibrahim", "Ito", "Jansen", "Kaplan", "Kaya", "Keller", "Kim", "Kowalski", "Larsen", "Lehmann",
    "Mbeki", "Mendes", "Moreau", "Müller", "Nakamura", "Novák", "Nowak", "Okafor", "Olsen", "Park", "Patel", "Petrov",
    "Popescu", "Quinn", "Ricci", "Rossi", "Sato", "Schneider", "Silva", "Singh", "Tanaka", "Torres", "Varga", "Weber",
    "Wójcik", "Yilmaz", "Zhang",
)  # fmt: skip

SUBJECTS = (
    "Website", "Mobile app", "Warehouse", "Billing", "Customer portal", "Onboarding", "Help desk", "Spring catalogue",
    "Data warehouse", "Payroll", "Partner programme", "Fleet", "Reception", "Newsletter", "Store front", "Returns desk",
    "Production line", "Office network", "Trade fair stand", "Supplier portal", "Loyalty card", "Intranet",
)  # fmt: skip

PROJECT_KINDS = (
    "relaunch", "redesign", "migration", "audit", "pilot", "rollout", "clean-up", "expansion", "consolidation",
    "automation", "training", "cost review", "move", "upgrade", "accessibility check", "security review",
)  # fmt: skip

DOCUMENT_KINDS = (
    "handbook", "minutes", "style guide", "proposal", "checklist", "glossary", "road map", "brief", "review notes",
    "questions and answers", "cost estimate", "test report", "contact list", "action plan", "summary",
)  # fmt: skip

TASK_VERBS = (
    "Draft", "Review", "Update", "Approve", "Prepare", "Check", "Finish", "Translate", "Send out", "Discuss",
    "Rewrite", "Compare", "Plan", "Present", "Test", "Document", "Order", "Schedule",
)  # fmt: skip

LABEL_NAMES = ("Bug", "Idea", "Customer", "Blocked", "Finance", "Legal", "Design", "Quick win")

TASK_OBJECTS = (
    "the supplier contract", "the onboarding checklist", "the price list", "the quarterly figures", "the floor plan",
    "the release notes", "the customer survey", "the cookie notice", "the backup plan", "the meeting minutes",
    "the first mock-ups", "the delivery schedule", "the budget for next year", "the safety briefing",
    "the packaging samples", "the press kit", "the interview questions", "the invoice template", "the load test",
    "the handover notes", "the training slides", "the list of open questions", "the returns policy",
    "the service agreement", "the product photos", "the welcome e-mail", "the travel plan", "the insurance papers",
    "the search results page", "the stock count", "the maintenance window", "the risk register",
)  # fmt: skip

SENTENCES = (
    "The last version is in the shared folder.",
    "Ask the finance team for the current numbers first.",
    "Two pages are enough.",
    "The customer has asked about this twice already.",
    "Keep the old one until everybody has switched.",
    "It should be readable on a phone as well.",
    "Legal wants to see it before it goes out.",
    "Please note what was decided, and why.",
    "The figures from last year are a good starting point.",
    "There were complaints about the previous one, so look at those first.",
    "Not urgent, but it blocks the next step.",
    "Half an hour with the people from the warehouse will save a day.",
    "Both languages, please.",
    "The deadline was agreed with the supplier.",
    "If it takes longer than a day, let us talk about it.",
    "A colleague has done something similar in another project.",
)

MATERIALS = (
    "Oak",
    "Linen",
    "Copper",
    "Ceramic",
    "Woollen",
    "Glass",
    "Cork",
    "Enamel",
    "Walnut",
    "Cotton",
    "Brass",
    "Slate",
)
PRODUCT_NAMES = (
    "Teapot",
    "Blanket",
    "Lamp",
    "Bowl",
    "Chair",
    "Notebook",
    "Vase",
    "Tray",
    "Cushion",
    "Clock",
    "Basket",
    "Mug",
)
STREETS = ("Harbour Street", "Mill Lane", "Station Road", "Orchard Way", "Bridge Street", "Garden Row", "Hill Crescent")


def person_name(number: int) -> tuple[str, str]:
    """Return the name of the person of this number, and the part of their address before the @; no two are the same."""
    first, last, turn = pick_pair(number, FIRST_NAMES, LAST_NAMES)
    address = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode().lower()
    return f"{first} {last}", f"{address}{turn + 1}" if turn else address


def pick_pair(number: int, firsts: Sequence[str], seconds: Sequence[str]) -> tuple[str, str, int]:
    """Return the pair of this number, and how often all pairs have come before; neighbours differ."""
    turn, place = divmod(number, len(firsts) * len(seconds))
    second, first = divmod(place * STRIDE % (len(firsts) * len(seconds)), len(firsts))
    return firsts[first], seconds[second], turn
